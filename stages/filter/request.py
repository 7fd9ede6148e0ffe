"""Keep English texts that ask for something: a question, an order or a wish.

In:  {instruction: "Good managers listen to their people."}
Out: the row as it is, or dropped as filter.no_request

Small models that are to write a request often write a statement on its subject. A text asks if it
has a question mark (none of a regular expression), if one of its sentences begins as a question
does ("What is …") or with one of some 150 verbs ("Write …", "Please write …", "Now sort …", "In
Python, write a …"), or if it says what somebody wants ("I need", "help me", "can you").
"""

import re
from typing import ClassVar

from typing_extensions import override

from stages.base import Dropped, Fate, Kept, Role, Row, RowStage

_VERBS = (
    "add|analyse|analyze|answer|apply|arrange|ask|assess|assist|break|brainstorm|build|"
    "calculate|categorise|categorize|change|check|choose|classify|combine|come|"
    "compare|complete|compose|compute|conduct|consider|construct|continue|convert|"
    "copy|correct|count|craft|create|criticise|debug|decide|define|delete|"
    "demonstrate|derive|describe|design|detect|determine|develop|discover|differentiate|discuss|"
    "divide|draft|draw|edit|elaborate|estimate|evaluate|examine|expand|explain|"
    "explore|extract|fill|filter|find|fix|format|formulate|generate|get|give|group|guess|"
    "help|highlight|identify|imagine|implement|improve|include|infer|interpret|"
    "introduce|invent|judge|keep|let|link|list|make|map|match|merge|modify|name|offer|"
    "optimise|optimize|order|organise|organize|outline|output|paraphrase|parse|perform|pick|plan|"
    "play|point|predict|prepare|present|print|produce|proofread|propose|prove|"
    "provide|put|rank|read|recommend|reduce|refactor|refine|remove|rename|reorder|"
    "rephrase|replace|reply|research|respond|restructure|retell|return|review|revise|"
    "rewrite|rearrange|say|select|share|shorten|show|simplify|simulate|sketch|"
    "solve|sort|specify|split|spot|start|state|structure|suggest|summarise|"
    "summarize|take|tell|test|think|trace|transform|translate|turn|update|use|"
    "verify|visualise|visualize|walk|what's|work|write"
)
_OBJECTS = (
    r"(?:a|all|an|any|each|every|how|it|its|me|my|one|several|some|that|the|these|this|three|two|what"
    r"|which|why|your)\b"
)
"""Behind "In Python, …" and "Briefly …", where most of the verbs can be nouns."""
# At most so many signs and, possessively, lest white space be tried in every length.
_START = r"(?:^|[.!?]\s|\n)[\W_]{0,40}+"
_ORDER = re.compile(
    rf"(?:(?:^|[.!:;]\s|\n)[\W_]{{0,40}}+|\bplease,?\s+|\b(?:based on|given) [^,.\n]{{1,80}},\s+"
    # Within a sentence these words mostly go on with a statement.
    rf"|{_START}(?:now|then|first|next|also|and),?\s+)(?:{_VERBS})\b"
    rf"|{_START}(?:(?:as|for|from|in|using|with|without)\b[^,.\n]{{1,60}},\s+|\w+ly\s+)"
    rf"(?:{_VERBS})\s+(?:\d|{_OBJECTS})"
    r"|\bif\b[^!?\n]{1,200}?[,;.]?\s+(?:then\s+)?"
    r"(?:find|compute|calculate|determine|prove|show|solve)\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"(?:^|[.!]\s|\n)[\W_]{0,40}+(?:what|how|where|who|why|which(?!\s+is\b))(?:\s+\w+){0,3}?"
    r"(?:'s|\s+(?:is|are|was|were|do|does|did|can|could|should|would|will|has|have))\b",
    re.IGNORECASE,
)
_WISH = re.compile(
    r"\b(?:in\s+this\s+task|your\s+task\s+is|do\s+you\s+think"
    r"|i\s+(?:need|want|would\s+like|wish|am\s+looking|have\s+to)|i'd\s+like|i'm\s+looking"
    r"|help\s+me|(?:can|could|would|will)\s+you|tell\s+me|show\s+me)\b",
    re.IGNORECASE,
)
_FENCED = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_ASKS = re.compile(r"(?<![(\\])\?(?:(?<![*+]\?)|(?=\s|$))(?![=:])")


class Request(RowStage):
    """For text in English alone; a null asks nothing."""

    version: ClassVar[int] = 2
    role: ClassVar[Role] = "filter"
    needs: ClassVar[tuple[str, ...]] = ("instruction",)

    @override
    def decide(self, row: Row) -> Fate:
        text = _FENCED.sub("\n", row["instruction"] or "").strip().replace("’", "'")
        if any(sign.search(text) for sign in (_ASKS, _QUESTION, _ORDER, _WISH)):
            return Kept()
        return Dropped("filter.no_request", text[:80])
