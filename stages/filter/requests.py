"""Rules on a request: whether it can be answered as it stands. The caller names the reason."""

import re

_THING = (
    r"(?:text|passage|paragraph|article|sentences?|code|snippet|program|function|table|list|data"
    r"|dataset|document|conversation|dialogue|poem|story|email|e-mail|letter|image|picture|photo"
    r"|graph|diagram|chart|video|question|options|words|numbers|equation|essay|review|tweet|input)"
)
_REFERS = re.compile(
    rf"\b(?:the|this|these|my|a)\s+(?:following|given|above|attached|provided|below)\s+(?:\w+\s+)?"
    rf"{_THING}\b"
    rf"|\b{_THING}\s+(?:(?:given|shown|provided|attached)\s+)?(?:below|above|here)\b(?!\s+(?:\d|my|the|an?|his|her|our|your|their)\b)"
    rf"|\b(?:in|from|of|to)\s+(?:this|the)\s+(?:passage|article|image|picture|photo|graph|diagram"
    rf"|chart|video|dialogue|conversation)\b",
    re.IGNORECASE,
)
_LEAST = 15
"""Characters that a text must have to be one that is referred to."""
_QUOTED = re.compile(r"[\"“'`(\[{]([^\"”'`)\]}]{15,})")

_ITSELF = re.compile(
    r"\b(?:who|what)\s+(?:exactly\s+)?are\s+you(?:\s+(?:exactly|really))?\s*(?:[?,.]|and\b|$)"
    r"|\bwhat(?:'s|\s+is)\s+your\s+(?:name|purpose|model|version|knowledge\s+cutoff)\b"
    r"|\bwho\s+(?:made|created|trained|developed|built|programmed)\s+you\b"
    r"|\bare\s+you\s+(?:a|an)\s+(?:ai|a\.i\.|robot|bot|chatbot|human|machine|language\s+model|person)\b"
    r"|\bdo\s+you\s+have\s+(?:feelings|emotions|consciousness|a\s+body)\b"
    r"|^you\s+are\s+(?:an?\s+)?(?:ai|artificial|language\s+model|chatbot|helpful\s+assistant)\b"
    r"|\bas\s+an\s+ai(?:\s+(?:language\s+)?(?:model|assistant))?\s*[,.]",
    re.IGNORECASE,
)
_NESTED = re.compile(
    r"\b(?:answer|respond\s+to|reply\s+to)\s+(?:the|this|that)\s+(?:following\s+)?question\b"
    r"|\b(?:is|was)\s+the\s+answer\s+to\s+(?:the|this)\s+question\b",
    re.IGNORECASE,
)


def misses_text(text: str) -> bool:
    """It speaks of a text, a table or a picture that is not there.

    What is there stands behind a colon or on further lines, in quotation marks or brackets, or
    before the words that refer to it.
    """
    found = _REFERS.search(text)
    if found is None:
        return False
    before, after = text[: found.start()], text[found.end() :]
    _, marked, given = after.replace("\n", ":", 1).partition(":")
    if marked and len(given.strip()) >= _LEAST:
        return False
    return len(before.strip()) < 4 * _LEAST and _QUOTED.search(text) is None


def is_about_itself(text: str) -> bool:
    """It asks the model about itself, or tells it what it is."""
    return _ITSELF.search(text) is not None


def quotes_a_question(text: str) -> bool:
    """It asks for the answer to a question instead of asking it."""
    return _NESTED.search(text) is not None and text.count("?") <= 1
