"""What a tokenizer takes for control: whole strings that become one token.

Row text that spells one must stay text: `<|im_end|>` in an answer would otherwise end the user's
turn of the judge that reads it.
"""

import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from stages.ask import Message


class ControlTokens:
    """Of a transformers tokenizer: its special tokens and all that were added to its words."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        added = dict(tokenizer.get_added_vocab())
        self._ids: dict[str, int] = {str(text): int(number) for text, number in added.items()}
        for text in tokenizer.all_special_tokens:
            self._ids.setdefault(text, int(tokenizer.convert_tokens_to_ids(text)))
        longest = sorted((re.escape(text) for text in self._ids if text), key=len, reverse=True)
        # Looked for ahead, so that one may begin inside another.
        self._inside = re.compile(f"(?=(?:{'|'.join(longest)}))(.)", re.S) if longest else None
        # Nothing that a row can know, so none can write it.
        self._cut = f"\ue000{uuid.uuid4().hex}\ue000"

    def ids(self, texts: Iterable[str]) -> list[int]:
        """Of those of `texts` that are control tokens: vLLM never shows them as text."""
        return sorted({self._ids[text] for text in texts if text in self._ids})

    def defused(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """The messages with a cut inside whatever would become a control token."""
        inside = self._inside
        if inside is None or not any(inside.search(message.content) for message in messages):
            return tuple(messages)
        return tuple(
            replace(m, content=inside.sub(lambda found: found[1] + self._cut, m.content))
            for m in messages
        )

    def encode(self, text: str) -> list[int]:
        """Token ids of rendered text; what was cut is encoded in parts."""
        parts = text.split(self._cut)
        return [i for part in parts for i in self._tokenizer.encode(part, add_special_tokens=False)]
