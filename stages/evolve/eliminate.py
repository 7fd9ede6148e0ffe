"""Take an evolution into the pool, or send its parent back for another round.

In:  {instruction, evolved, evolved_by, evolved_is_new, evolved_response, generation, evolving, …}
Out: on success a child {instruction: evolved, response: evolved_response, generation: 1, operator,
     evolving: true}, and its parent goes on with evolving: false; on failure the parent goes on
     unchanged and still evolving

The rules (arXiv:2304.12244, section 3.3): nothing new; an answer of under 80 words that says
"sorry"; an answer of stop words and punctuation only; words of the prompt copied into the
request. And two that the method implies: an answer that ran into `max_tokens` or is empty.
"""

import re
from typing import ClassVar

import pyarrow as pa
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from typing_extensions import override

from stages.base import Columns, Derived, Fate, Kept, Role, Row, RowStage

_COPIED = re.compile(
    r"(?:given|rewritten|new|original|evolved|above) (?:prompt|request|instruction)|</?request>",
    re.IGNORECASE,
)
_GONE = (
    "evolved",
    "evolved_by",
    "evolved_is_new",
    "evolved_novelty",
    "evolved_response",
    "evolved_response_finish_reason",
)


class Eliminate(RowStage):
    """One verdict per evolving row; the others pass."""

    role: ClassVar[Role] = "filter"
    cites: ClassVar[tuple[str, ...]] = ("wizardlm",)
    removes: ClassVar[tuple[str, ...]] = _GONE
    derives: ClassVar[bool] = True

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        own = ("instruction", "response", "generation", "operator", "evolving")
        return own + _GONE

    @property
    @override
    def adds(self) -> Columns:
        texts = ("instruction", "response", "operator")
        columns = dict.fromkeys(texts, pa.string())
        return columns | {"generation": pa.int64(), "evolving": pa.bool_()}

    @override
    def max_rows(self, rows: int) -> int:
        return 2 * rows

    @override
    def decide(self, row: Row) -> Fate:
        if not row["evolving"] or failure(row):
            return Kept()
        child = {
            "instruction": row["evolved"],
            "response": row["evolved_response"],
            "generation": row["generation"] + 1,
            "operator": row["evolved_by"],
        }
        return Derived((child,), parent={"evolving": False})


def failure(row: Row) -> str:
    """The rule by which the row's evolution is eliminated; empty if it stands."""
    answer = row["evolved_response"] or ""
    words = re.findall(r"[^\W\d_][^\W\d_']*", answer.lower())
    if row["evolved"] is None or not row["evolved_is_new"]:
        return "nothing new"
    if _COPIED.search(row["evolved"]) and not _COPIED.search(row["instruction"]):
        return "copied words of the prompt"
    if "sorry" in words and len(words) < 80:
        return "the answer is sorry"
    if not set(words) - ENGLISH_STOP_WORDS and not re.search(r"\d", answer):
        return "the answer says nothing"
    return "the answer is cut off" if row["evolved_response_finish_reason"] == "length" else ""
