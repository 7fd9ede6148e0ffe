"""Rules on one text: whether it is to be dropped. The caller names the reason."""

import re
from collections import Counter
from collections.abc import Iterable

MARKERS = re.compile(
    r"<\|[^|\s]{1,40}\|>|<｜[^｜\s]{1,40}｜>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>"
    r"|<bos>|<eos>|^### ?(?:Instruction|Response|Input):|^(?:ASSISTANT|USER|SYSTEM): ",
    re.MULTILINE,
)
"""Control tokens and headers of chat templates: never part of what a person would write."""

_REFUSALS = re.compile(
    r"^\W*(?:(?:i'?m|i am|we are) (?:\w+ )?(?:sorry|afraid),? (?:but |that )?(?:i|we)\b"
    r"|(?:i'?m|i am|we are) (?:\w+ )?(?:unable|not able) to (?:\w+ )?"
    r"(?:assist|help|provide|fulfil|comply|answer|create|write|generate|support)"
    r"|sorry,? (?:but )?i\b"
    r"|(?:as|i'?m|i am) an? (?:ai|artificial intelligence|language model|large language)\b"
    r"(?: (?:assistant|model|language model|chatbot)\b)?,? (?:and )?(?:i\b|developed|created)"
    r"|i (?:can(?:no|')t|cannot|can not|won'?t|will not) (?:\w+ )?"
    r"(?:assist|help|provide|fulfil|comply|answer|create|write|generate|support))",
    re.IGNORECASE,
)
_REVISES = re.compile(
    r"^\W*(?:(?:certainly|sure|of course|absolutely)\W+)?"
    r"(?:here(?:'s| is) (?:a|an|the|my) (?:revised|improved|updated|corrected|better) "
    r"(?:version of (?:the|my|your) )?(?:answer|response|explanation)\b"
    r"|i apologi[sz]e for (?:the|any|my) (?:confusion|oversight|mistake|error)"
    r"|thank you for (?:the|your) (?:feedback|suggestions?|advice)"
    r"|(?:revised|improved|good|better|new) answer\s*[:*])",
    re.IGNORECASE,
)
_RUN = re.compile(r"([^\s\d])\1{9,}|(\d)\2{39,}|([^\s\w])(?:\s*\3){14,}")
_RULES = str.maketrans(dict.fromkeys("-=_*#.~^/\\|─═·", " "))
"""What lines, blanks to fill in, and tables are drawn with."""


def echoes_template(text: str) -> bool:
    """It holds a chat template's control token or header."""
    # Alone they begin or end a sequence; in a pair they are HTML that strikes out.
    begins = text.startswith("<s>") and "</s>" not in text
    ends = text.endswith("</s>") and "<s>" not in text
    return begins or ends or MARKERS.search(text) is not None


def refuses(text: str) -> bool:
    """It begins as a refusal does."""
    return _REFUSALS.match(text.replace("’", "'")) is not None


def speaks_of_revision(text: str) -> bool:
    """It begins as one who answers a critic, and not the person who asked."""
    return _REVISES.match(text.replace("’", "'")) is not None


def repeats(text: str) -> bool:
    """One character ten times in a row (a digit forty times), or one word or line too often.

    Too often is more than half of a long text.
    """
    if _RUN.search(text.translate(_RULES)):
        return True
    lines = (line.strip() for line in text.splitlines())
    return _dominated(text.lower().split(), 20) or _dominated(lines, 6)


def _dominated(given: Iterable[str], least: int) -> bool:
    """Whether one of at least so many is more than half; empty cells and rules do not count."""
    parts = [part for part in given if any(map(str.isalnum, part))]
    if len(parts) < least:
        return False
    return Counter(parts).most_common(1)[0][1] > len(parts) / 2
