"""Row text as a judge is shown it: it can neither end its own block nor open a turn of the chat.

A template puts `nonce` into the names of its tags, `<answer-{{ nonce }}>`. It is a hash that occurs
in none of the texts that are shown, so none of them holds a tag of its own prompt, whatever its
writer knows. It is made of the request alone: calls about other answers to it, and about the same
answers in another order, share their prefix. Control tokens of chat templates are split by a space
(`< |im_end|>`), because engines read them as tokens wherever they stand.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence

_CONTROL = re.compile(
    r"[<＜](?=[|｜][^\s<>＜＞|｜]{1,60}[|｜][>＞])"
    r"|[<＜](?=/?(?:s|bos|eos|pad|unk|sop|eop|think|tool_call|tool_response|"
    r"(?:start|end)_of_turn|(?:start|end)_of_image)[>＞])"
    r"|<(?=</?SYS>>)"
    r"|\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|gMASK|MASK|"
    r"UNUSED_TOKEN_\d+)\])"
)


def shown(texts: Mapping[str, str | None]) -> dict[str, str | None]:
    """`texts` with their control tokens split, and a `nonce` made of the first; nulls stay null."""
    split = {name: text if text is None else split_control(text) for name, text in texts.items()}
    return {**split, "nonce": nonce([text or "" for text in texts.values()])}


def nonce(texts: Sequence[str]) -> str:
    """Eight hexadecimal digits that stand in none of `texts`, made of the first."""
    found = hashlib.sha256(texts[0].encode("utf-8", "replace")).hexdigest()
    while any(found[:8] in text.lower() for text in texts):
        found = hashlib.sha256(found.encode()).hexdigest()
    return found[:8]


def split_control(text: str) -> str:
    """`text` with a space within each control token of a chat template."""
    return _CONTROL.sub(lambda match: f"{match[0]} ", text)
