"""Rules on a request: whether it can be answered as it stands. The caller names the reason."""

import re

_THING = (
    r"(?:text|passage|paragraph|article|sentences?|code|snippet|program|function|table|list|data"
    r"|dataset|document|conversation|dialogue|poem|story|email|e-mail|letter|image|picture|photo"
    r"|graph|diagram|figure|chart|video|question|options|words|numbers|equation|essay|review|tweet|input)"
)
_END = r"(?=\s*(?:[.?!:,]|$))"
_REFERS = re.compile(
    rf"\b(?:the|this|these|my|a)\s+(?:following|given|above|attached|provided|below)\s+(?:\w+\s+)?"
    rf"{_THING}\b"
    rf"|\b{_THING}\s+(?:(?:given|shown|provided|attached)\s+)?(?:below|above|here){_END}"
    r"|\bgiven\s+an?\s+(?:\w+\s+)?(?:text|passage|paragraph|article|sentence|snippet|document|review"
    r"|tweet|e-?mail|poem|story|conversation)(?:\s+snippet)?,"
    rf"|\b(?:the|this)\s+(?:\w+\s+)?{_THING}\s+(?:given|shown|provided|attached){_END}"
    rf"|\b(?:in|from|of|to)\s+(?:this|the)\s+(?:passage|article|image|picture|photo|graph|diagram"
    rf"|chart|video|dialogue|conversation){_END}"
    r"|\b(?:does|do|did)\s+(?:this|the)\s+(?:text|passage|article)\b"
    r"|\b(?:does|did)\s+the\s+author\b(?!\s+of\b|\s+(?-i:[A-Z]))"
    r"|\b(?:according\s+to|author\s+of)\s+(?:this|the)\s+(?:text|passage|article)\b(?!\s+of\b)"
    r"|^[^,]*\b(?:the|this)\s+author['’]s\s+(?:main|purpose|tone|point|view|argument|attitude|opinion)"
    r"|\b(?:in|from|of|to|about)\s+this\s+(?:poem|story|essay|novel|book|song)\b"
    # of 20 tasks of a small model six were about "the subject", which nobody had named
    r"|\b(?:of|about|on|for|to|how|describe|discuss|explain)\s+the\s+(?:given\s+|chosen\s+)?"
    r"(?:subject|topic)(?:['’]s)?"
    r"(?![-\w]|\s+[\"“'«]|\s+(?:of(?!\s+the\s+day\b)|line|matter|area|sentence|to|for)\b)"
    r"|\bthe\s+given\s+(?:\w+\s+)?(?:metrics?|criteri(?:a|on)|scenario|situation|context|products?)\b",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"\b(?:function|program|method|class|script|query|algorithm|code)\b", re.IGNORECASE
)
"""Where code is asked for, "reverse the given list" is what it is to do, and no list is missing."""
_LEAST = 2
"""Characters of a text behind a colon."""
_BEFORE = 60
"""Characters of a text that stands before the words that refer to it."""
_OF_NUMBERS = re.compile(r"\b(?:numbers|equation|list|data|table|function)$", re.IGNORECASE)
_QUOTED = re.compile(
    r"(?:^|\s)'[^'\n]{12,}'|\"[^\"]{12,}\"|“[^”]{12,}”|`[^`]{5,}`|\([^()]{5,}\)|\[[^\[\]]{5,}\]"
    r"|\{[^{}]{5,}\}"
)

_ITSELF = re.compile(
    r"\b(?:who|what)\s+(?:exactly\s+)?are\s+you(?:\s+(?:exactly|really))?\s*(?:[?,.]|and\b|$)"
    r"|\bwhat(?:'s|\s+is)\s+your\s+(?:name|purpose|model|version|knowledge\s+cutoff)\b"
    r"|\bwho\s+(?:made|created|trained|developed|built|programmed)\s+you\b"
    r"|\bare\s+you\s+(?:a|an)\s+(?:ai|a\.i\.|robot|bot|chatbot|human|machine|language\s+model|person)\b"
    r"|\bdo\s+you\s+have\s+(?:feelings|emotions|consciousness|a\s+body)\b"
    r"|^i\s+am\s+an?\s+ai\b|^qwen\b|\bqwen\s+is\s+an?\b"
    r"|^you\s+are\s+(?:qwen|chatgpt|claude|gemini|llama)\b"
    r"|^you\s+are\s+(?:an?\s+)?(?:large\s+)?(?:ai|artificial\s+intelligence|language\s+model|chatbot|helpful\s+assistant)"
    r"(?:\s+(?:assistant|model|language\s+model))?\b(?!\s+\w+er\b|\s+\w+ist\b|\s+ethics)"
    r"|\bas\s+an\s+ai(?:\s+(?:language\s+)?(?:model|assistant))?\s*[,.]",
    re.IGNORECASE,
)
_ANSWER_IT = re.compile(r"\banswer\s+the\s+(?:following\s+)?question\s*(?:\.|:\s*$)", re.IGNORECASE)
_SERVES = re.compile(
    r"^\W*you(?:'re|\s+are)\s+(?:very\s+)?welcome\b"
    r"|^\W*(?:thank(?:s|\s+you)\b|(?:yes|no),\s+you(?:'re|\s+are)\b|that(?:'s|\s+is)\s+(?:correct|right)\b)"
    r"(?![^?]*\?)"
    r"|^\W*(?:sure|certainly|of\s+course|absolutely)\b[,!.]\s+(?:i|here)\b"
    r"|\bif\s+you\s+have\s+any\s+(?:more|other|further)\s+questions\b|\bfeel\s+free\s+to\s+ask\b"
    r"|</?(?:person|assistant|user)>|\bas\s+an\s+ai\b|\bi\s+(?:can\s+)?(?:help|assist)\s+you\b"
    r"|\bwhat\s+would\s+you\s+like\s+to\s+(?:know|discuss)\b"
    r"|\bnext\s+message\s*:|\bhow\s+(?:can|may)\s+i\s+(?:help|assist)\s+you\b|\\boxed\{\s*[^}\s]",
    re.IGNORECASE,
)
_NESTED = re.compile(
    r"\b(?:is|was)\s+the\s+(?:correct\s+|right\s+)?answer\s+to\s+(?:the|this)"
    r"\s+(?:following\s+)?question\b",
    re.IGNORECASE,
)
_SAID = re.compile(r"(?:^|(?<=\s))'[^'\n]+'|\"[^\"]+\"|“[^”]+”|«[^»]+»")
_PREAMBLE = re.compile(
    r"(?:sure|certainly|of course|absolutely)\b[^.?\n]{0,40}[!,:.]|(?:okay|ok)\b[^,.?\n]{0,40}[!:.]"
    r"|(?:(?:okay|ok),\s+)?here(?:'s|\s+is|\s+are)\s+(?:a|an|one|another|some)\b[^?\n]{0,80}:",
    re.IGNORECASE,
)


def misses_text(text: str) -> bool:
    """It speaks of a text, a table, a picture or a question that is not there.

    What is there stands behind a colon or on further lines, in quotation marks or brackets, or
    before the words that refer to it.
    """
    if _ANSWER_IT.search(text) and not re.search("[?？]", text):
        return True
    found = _REFERS.search(text)
    if found is None:
        return False
    told = text if found[0].endswith(",") else text[: found.start()]
    if "given" in found[0].lower() and _CODE.search(told):
        return False
    before, after = text[: found.start()], text[found.end() :]
    _, marked, given = after.replace("\n", ":", 1).partition(":")
    if marked and len(given.strip()) >= _LEAST:
        return False
    quoted = after.lstrip().startswith(('"', "“", "'", "`", "«"))
    figures = re.match(r"\s*[-+(]?\d|(?:[^\d\n]*\d){2}", after)
    numbers = _OF_NUMBERS.search(found[0]) is not None and figures is not None
    if quoted or numbers:
        return False
    return len(before.strip()) < _BEFORE and _QUOTED.search(text) is None


def is_about_itself(text: str) -> bool:
    """It asks the model about itself, or tells it what it is."""
    # What is quoted, or stands behind a colon, is what the request is about.
    return _ITSELF.search(_SAID.sub("", text.partition(":")[0])) is not None


def quotes_a_question(text: str) -> bool:
    """It asks for the answer to a question instead of asking it."""
    return _NESTED.search(text) is not None


def serves(text: str) -> bool:
    """It says what an assistant says, or gives thanks, where a person is to ask something."""
    return _SERVES.search(text.replace("’", "'")) is not None


def has_preamble(text: str) -> bool:
    """It begins as an assistant does, before what was asked for: "Sure, here is another task:"."""
    return _PREAMBLE.match(text.strip()) is not None
