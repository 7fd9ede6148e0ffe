"""Let a judge find the best of several answers by single elimination, and the worst if asked to.

In:  {instruction: "Name a river.", responses: ["No.", "The Nile.", "Rivers?", "The Po."]}
Out: {bracket_scores: [0.0, 2.0, 0.0, 1.0], bracket_best: 1, bracket_even: 0,
      bracket_matches: [{winner: 1, …}, …]}

Who meets whom is drawn by the row's seed, and so is who is shown first; of an odd number one goes
on without a match. So n answers take n - 1 calls where all pairs would take n (n - 1) / 2 (Varco
Arena, arXiv:2411.01281). `bracket_scores` are rounds survived, with or without a match: the best
alone has the highest. With `worst: true` those who lost in the first round meet again, and the
loser goes on, as for INPO's pairs (arXiv:2407.00617): the last of them has the score -1. Each match
is one call; a match that is even goes to the answer that is shown first, and `bracket_even` counts
them: where there are many, the judge says little. Up to 16 answers;
`mix.scatter` makes rows of them, which `pair.scored` takes. `entrants` names who wrote them, in
their order, so that what they survived can be added up over requests.
"""

import random
from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.ask import Ask, Reply
from stages.base import Columns, Dropped, Failed, Fate, Kept, MultiCallStage, Role, Row
from stages.shared.judging.verdict import VERDICT_COLUMNS, Question, VerdictSettings
from stages.shared.replies import reading

_MOST = 16
_FOR_FIRST = {"1": 1.0, "2": 0.0}
_MATCH = {"winner": pa.int64(), "loser": pa.int64(), "first": pa.float64(), **VERDICT_COLUMNS}
_ADDS: Columns = {
    "bracket_scores": pa.list_(pa.float64()),
    "bracket_best": pa.int64(),
    "bracket_even": pa.int64(),
    "bracket_matches": pa.list_(pa.struct(_MATCH)),
}
_Match = tuple[int, int]


class Bracket(VerdictSettings, MultiCallStage):
    """One call for each match, those of a round together."""

    role: ClassVar[Role] = "judge"
    prompts: ClassVar[tuple[str, ...]] = ("judge/pair",)
    cites: ClassVar[tuple[str, ...]] = ("varco-arena", "inpo")
    needs: ClassVar[tuple[str, ...]] = ("instruction", "responses", "seed")

    engine: str = "main"
    rubric: str = Field(
        "is it correct, does it do what was asked, is it complete and clear?", min_length=1
    )
    """What makes an answer the better one."""
    worst: bool = False
    """Whether the worst answer is looked for too, by about half as many calls more."""
    entrants: tuple[str, ...] = Field((), max_length=_MOST)
    """What the answers of every row are called, as the list `bracket_entrants`."""

    @property
    @override
    def adds(self) -> Columns:
        named = {"bracket_entrants": pa.list_(pa.string())} if self.entrants else {}
        return {**_ADDS, **named}

    @property
    @override
    def most_calls(self) -> int:
        answers = len(self.entrants) or _MOST
        return answers - 1 + (max(0, answers // 2 - 1) if self.worst else 0)

    @override
    def next(self, row: Row, replies: Sequence[Reply]) -> Sequence[Ask] | Fate:
        answers = row["responses"] or ()
        if row["instruction"] is None or None in answers:
            return Dropped("judge.cannot_rank", "a null")
        if not 2 <= len(answers) <= _MOST:
            return Dropped("judge.cannot_rank", f"{len(answers)} answers")
        if self.entrants and len(self.entrants) != len(answers):
            told = f"{len(answers)} answers of {len(self.entrants)} entrants"
            return Failed("judge.misfit", told)
        best, worst = list(range(len(answers))), list[int]()
        random.Random(row["seed"]).shuffle(best)
        scores = [0.0] * len(answers)
        played: list[Row] = []
        while matches := [*_pairs(best), *_pairs(worst)]:
            if len(replies) <= len(played):
                return [self.ask_about(self._question(row, match)) for match in matches]
            results = [self._result(row, match, replies, len(played) + i)
                       for i, match in enumerate(matches)]  # fmt: skip
            won, lost = results[: len(best) // 2], results[len(best) // 2 :]
            worst = [each["loser"] for each in lost] + _left_over(worst)
            if self.worst and not played:
                worst = [each["loser"] for each in won]
            best = [each["winner"] for each in won] + _left_over(best)
            if won:
                scores = [score + (place in best) for place, score in enumerate(scores)]
            played += results
        for last in worst:
            scores[last] = -1.0
        even = sum(match["first"] == 0.5 for match in played)
        facts = (scores, best[0], even, played, *([list(self.entrants)] if self.entrants else []))
        return Kept(dict(zip(self.adds, facts, strict=True)))

    def _question(self, row: Row, match: _Match) -> Question:
        first, second = (row["responses"][place] for place in match)
        texts = {"instruction": row["instruction"], "first": first, "second": second}
        return Question(
            "judge/pair", tuple(_FOR_FIRST), texts, {"rubric": self.rubric, "choices": ""}
        )

    def _result(self, row: Row, match: _Match, replies: Sequence[Reply], call: int) -> Row:
        with reading(call):
            verdict = self.read_about(self._question(row, match), replies[call])
        first = verdict.expected(_FOR_FIRST)
        winner, loser = match if first >= 0.5 else match[::-1]
        return {"winner": winner, "loser": loser, "first": first, **verdict.facts}


def _pairs(players: Sequence[int]) -> list[_Match]:
    return list(zip(players[::2], players[1::2], strict=False))


def _left_over(players: Sequence[int]) -> list[int]:
    """Who has nobody to meet."""
    return list(players[-1:]) if len(players) % 2 else []
