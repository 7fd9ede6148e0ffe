"""What a tokenizer takes for control: whole strings that become one token.

Row text that spells one must stay text: `<|im_end|>` in an answer would otherwise end the user's
turn of the judge that reads it.
"""

import re
import unicodedata
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from stages.ask import Message
from stages.errors import EngineError


class ControlTokens:
    """Of a transformers tokenizer: its special tokens and all that were added to its words."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._ids: dict[str, int] = {
            str(text): int(number) for text, number in tokenizer.get_added_vocab().items() if text
        }
        for text in tokenizer.all_special_tokens:
            self._ids.setdefault(text, int(tokenizer.convert_tokens_to_ids(text)))
        added = getattr(tokenizer, "added_tokens_decoder", {})
        self._special = {int(i) for i, token in added.items() if getattr(token, "special", False)}
        self._special |= set(map(int, tokenizer.all_special_ids))
        longest = sorted(map(re.escape, self._ids), key=len, reverse=True)
        # Looked for ahead, so that one may begin inside another.
        self._inside = re.compile(f"(?=(?:{'|'.join(longest)}))(.)", re.S) if longest else None
        self._folded = [_folded(text) for text in self._ids]
        # Nothing that a row can know, so none can write them.
        nonce = uuid.uuid4().hex
        self._cut, self._begin, self._end = (f"\ue000{mark}{nonce}\ue000" for mark in "cbe")

    def ids(self, texts: Iterable[str]) -> list[int]:
        """Of those of `texts` that are control tokens: vLLM never shows them as text."""
        return sorted({self._ids[text] for text in texts if text in self._ids})

    def defused(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """The messages, marked and cut wherever text might become a control token."""
        if not any(map(self._suspicious, (message.content for message in messages))):
            return tuple(messages)
        return tuple(replace(m, content=self._marked(m.content)) for m in messages)

    def _suspicious(self, text: str) -> bool:
        # Some tokenizers fold case or form before they look for their tokens.
        folded = _folded(text)
        return any(token in folded for token in self._folded)

    def _marked(self, text: str) -> str:
        cut = text
        if self._inside is not None:
            cut = self._inside.sub(lambda found: found[1] + self._cut, text)
        return f"{self._begin}{cut}{self._end}"

    def encode(self, text: str) -> list[int]:
        """Token ids of rendered text; what was cut is encoded in parts.

        Raises:
            EngineError: row text becomes a control token all the same.
        """
        tokens: list[int] = []
        for number, piece in enumerate(re.split(f"{self._begin}|{self._end}", text)):
            own = [i for part in piece.split(self._cut) for i in self._encode(part)]
            # Every other piece is a message's: the marks come in pairs.
            if number % 2 and self._special & set(own):
                raise EngineError("the text spells a control token of the model")
            tokens += own
        return tokens

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False)) if text else []


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
