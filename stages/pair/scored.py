"""Make preference pairs of several scored answers to one question.

In:  {parents: [q], response: "…", score: 4.4, response_model: "a"}, {parents: [q], …}, …
Out: {chosen: "…", rejected: "…", chosen_score: 4.4, rejected_score: 2.1, margin: 2.3, tie: false},
     children of both; answers in no pair are dropped as pair.unpaired or pair.not_scored

`against` says with what the best answer is paired: the `worst`, as `pair.best_worst` does; a
`random` other, as Zephyr (arXiv:2310.16944) and Tulu 3 (arXiv:2411.15124); `each` other, as
Curry-DPO (arXiv:2403.07230); `all` pairs, best or not (RLHF Workflow, arXiv:2405.07863). Pairs
whose scores lie less than `min_margin` apart are none. Equal scores are a tie, whatever the margin:
`on_tie: drop` makes no pair of them, `keep` makes one with `tie: true` and the earlier answer as
`chosen` (ternary preferences: TODO, arXiv:2411.02442). Two answers with the same text make no pair.

`same_source: true` pairs answers of one model only (FuseChat-3.0, arXiv:2503.04222).
"""

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Derived, Dropped, Fate, GroupStage, Role, Row
from stages.shared.numbers import is_score, reaches

_PAIR: Columns = {
    "chosen": pa.string(),
    "rejected": pa.string(),
    "chosen_score": pa.float64(),
    "rejected_score": pa.float64(),
    "margin": pa.float64(),
    "tie": pa.bool_(),
}


class Scored(GroupStage):
    """Answers of one question are the rows with the same parents."""

    version: ClassVar[int] = 2
    role: ClassVar[Role] = "pair"
    cites: ClassVar[tuple[str, ...]] = (
        "zephyr",
        "tulu3",
        "curry-dpo",
        "rlhf-workflow",
        "todo",
        "fusechat3",
    )
    uses_seed: ClassVar[bool] = True
    derives: ClassVar[bool] = True

    against: Literal["worst", "random", "each", "all"] = "random"
    """What the best answer is paired with; `all`: every two answers make a pair."""
    min_margin: float = Field(0.0, ge=0)
    """How far scores lie apart at least; equal ones are a tie."""
    on_tie: Literal["drop", "keep"] = "drop"
    """What becomes of two answers with equal scores."""
    same_source: bool = False
    """Pair answers of the same `response_model` only."""
    most: int = Field(10, ge=1)
    """Pairs of a question at most, those of the largest margins."""

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        source = ["response_model"] if self.same_source else []
        return ("response", "score", *source, "seed")

    @property
    @override
    def adds(self) -> Columns:
        sides = ("chosen_model", "rejected_model") if self.same_source else ()
        return {**_PAIR, **dict.fromkeys(sides, pa.string())}

    @override
    def max_rows(self, rows: int) -> int:
        return rows * self.most if self.against == "all" else rows

    @override
    def decide(self, rows: Sequence[Row]) -> Sequence[Fate]:
        known = [i for i, row in enumerate(rows) if is_score(row["score"]) and row["response"]]
        sources: dict[str, list[int]] = defaultdict(list)
        for i in known:
            source = rows[i]["response_model"] if self.same_source else ""
            if source is not None:
                sources[source].append(i)
        found = [pair for group in sources.values() for pair in self._pairs(rows, group)]
        found.sort(key=lambda pair: rows[pair[1]]["score"] - rows[pair[0]]["score"])
        children: dict[int, list[Row]] = defaultdict(list)
        used: set[int] = set()
        for better, worse in found[: self.most]:
            used |= {better, worse}
            children[better].append(self._pair(rows[better], rows[worse]))
        return [
            Derived(tuple(children[i])) if i in used
            else Dropped("pair.unpaired" if i in known else "pair.not_scored")
            for i in range(len(rows))
        ]  # fmt: skip

    def _pairs(self, rows: Sequence[Row], group: Sequence[int]) -> Iterator[tuple[int, int]]:
        """(better, worse) of answers of one source; of a tie the earlier first."""
        ranked = sorted(group, key=lambda i: -rows[i]["score"])
        if self.against == "all":
            wanted = list(itertools.combinations(ranked, 2))
        else:
            wanted = [(ranked[0], other) for other in ranked[1:]]
        fit = [pair for pair in wanted if self._fits(rows[pair[0]], rows[pair[1]])]
        if self.against == "worst":
            # Of several that are equally bad the first, as `pair.best_worst` takes it.
            lowest = min((rows[worse]["score"] for _, worse in fit), default=None)
            fit = [pair for pair in fit if rows[pair[1]]["score"] == lowest][:1]
        elif self.against == "random" and fit:
            fit = [random.Random(f"{rows[group[0]]['seed']}").choice(fit)]
        yield from fit

    def _fits(self, better: Row, worse: Row) -> bool:
        if better["response"].strip() == worse["response"].strip():
            return False
        margin = better["score"] - worse["score"]
        return self.on_tie == "keep" if margin == 0 else reaches(margin, self.min_margin)

    def _pair(self, chosen: Row, rejected: Row) -> Row:
        margin = chosen["score"] - rejected["score"]
        pair = {
            "parents": [chosen["id"], rejected["id"]],
            "chosen": chosen["response"],
            "rejected": rejected["response"],
            "chosen_score": chosen["score"],
            "rejected_score": rejected["score"],
            "margin": margin,
            "tie": margin == 0,
        }
        if self.same_source:
            pair |= {f"{side}_model": row["response_model"]
                     for side, row in (("chosen", chosen), ("rejected", rejected))}  # fmt: skip
        return pair
