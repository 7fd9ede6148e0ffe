"""Keep English texts that ask for something: a question, an order or a wish.

In:  {instruction: "Good managers listen to their people."}
Out: the row as it is, or dropped as filter.no_request

Small models that are to write a request often write a statement on its subject. A text asks if it
has a question mark, if one of its sentences begins with one of some 140 verbs ("Write …", "Please
write …", "Now sort …"), or if it says what somebody wants ("I need", "help me", "can you").
"""

import re
from typing import ClassVar

from typing_extensions import override

from stages.base import Dropped, Fate, Kept, Role, Row, RowStage

_VERBS = (
    "add|analyse|analyze|answer|apply|arrange|ask|assess|break|brainstorm|build|"
    "calculate|categorise|categorize|change|check|choose|classify|combine|come|"
    "compare|complete|compose|compute|conduct|consider|construct|continue|convert|"
    "copy|correct|count|craft|create|criticise|debug|decide|define|delete|"
    "demonstrate|derive|describe|design|determine|develop|differentiate|discuss|"
    "divide|draft|draw|edit|elaborate|estimate|evaluate|examine|expand|explain|"
    "explore|extract|fill|find|fix|format|formulate|generate|get|give|group|guess|"
    "help|highlight|identify|imagine|implement|improve|include|infer|interpret|"
    "introduce|invent|judge|keep|let|list|make|match|merge|modify|name|offer|"
    "optimise|optimize|order|organise|organize|outline|paraphrase|parse|pick|plan|"
    "play|point|predict|prepare|present|print|produce|proofread|propose|prove|"
    "provide|put|rank|read|recommend|reduce|refactor|refine|remove|rename|reorder|"
    "rephrase|replace|research|respond|restructure|retell|return|review|revise|"
    "rewrite|rearrange|say|select|share|shorten|show|simplify|simulate|sketch|"
    "solve|sort|specify|split|spot|start|state|structure|suggest|summarise|"
    "summarize|take|tell|test|think|trace|transform|translate|turn|update|use|"
    "verify|visualise|visualize|walk|what's|work|write"
)
_ORDER = re.compile(
    r"(?:^|[.!:;\n]\s*|\bplease,?\s+"
    r"|\b(?:now|then|first|next|also|and|based on [^,]{1,80}|given [^,]{1,80}),?\s+)"
    rf"(?:{_VERBS})\b",
    re.IGNORECASE,
)
_WISH = re.compile(
    r"\b(?:i\s+(?:need|want|would\s+like|wish|am\s+looking|have\s+to)|i'd\s+like|i'm\s+looking"
    r"|help\s+me|(?:can|could|would|will)\s+you|tell\s+me|show\s+me)\b",
    re.IGNORECASE,
)


class Request(RowStage):
    """For text in English alone; a null asks nothing."""

    role: ClassVar[Role] = "filter"
    needs: ClassVar[tuple[str, ...]] = ("instruction",)

    @override
    def decide(self, row: Row) -> Fate:
        text = (row["instruction"] or "").strip()
        if "?" in text or _ORDER.search(text) or _WISH.search(text):
            return Kept()
        return Dropped("filter.no_request", text[:80])
