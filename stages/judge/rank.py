"""Let a judge put several answers to a request in order, more than once, each time shuffled.

In:  {instruction: "Name a river.", responses: ["No.", "The Nile.", "Rivers?"]}
Out: {ranks: [2.2, 1.0, 2.8], rank_scores: [0.8, 2.0, 0.2], rank_agreement: 0.84, …}

`ranks` are mean ranks, 1 is the best, and `rank_scores` how many others an answer beats on average,
which is what `pair.scored` and `select.best` take (`{use: mix.scatter, texts: {responses:
response}, numbers: {rank_scores: score}}`). `rank_agreement` is Kendall's W of the repeats, 1 where
all agree, null for one repeat. Repeat Ranking (arXiv:2405.18952) trains on the prompts whose five
rankings agree best. With `logprobs` the order is that of the letters' probabilities as the one
token of "the best answer" (FIRST, arXiv:2406.15657). Up to ten answers; `mix.scatter` makes rows
of them.
"""

import random
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import ClassVar

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

import prompts
from stages.ask import Ask, Reply, Sampling, chat
from stages.base import Columns, Dropped, Fate, Kept, MultiCallStage, Role, Row
from stages.errors import ReplyError
from stages.shared.judging.agreement import kendall_w
from stages.shared.judging.material import shown
from stages.shared.judging.token_probabilities import TOP, token_probabilities
from stages.shared.judging.verdict import Ways
from stages.shared.numbers import average_ranks
from stages.shared.replies import parse_object, reading

_LETTERS = "ABCDEFGHIJ"


class Rank(Ways, MultiCallStage):
    """One call for each repeat."""

    role: ClassVar[Role] = "judge"
    prompts: ClassVar[tuple[str, ...]] = ("judge/rank",)
    cites: ClassVar[tuple[str, ...]] = ("repeat-ranking", "first")
    needs: ClassVar[tuple[str, ...]] = ("instruction", "responses", "seed")
    adds: ClassVar[Columns] = {
        "ranks": pa.list_(pa.float64()),
        "rank_scores": pa.list_(pa.float64()),
        "rank_agreement": pa.float64(),
        "rank_orders": pa.list_(pa.list_(pa.int64())),
        "rank_by": pa.string(),
        "rank_model": pa.string(),
        "rank_replies": pa.list_(pa.string()),
    }

    engine: str = "main"
    repeats: int = Field(5, ge=1, le=50)
    rubric: str = Field(
        "is it correct, does it do what was asked, is it complete and clear?", min_length=1
    )
    """What makes one answer better than another."""

    @property
    @override
    def most_calls(self) -> int:
        return self.repeats

    @override
    def next(self, row: Row, replies: Sequence[Reply]) -> Sequence[Ask] | Fate:
        answers = row["responses"] or ()
        if row["instruction"] is None or None in answers:
            return Dropped("judge.cannot_rank", "a null")
        if not 2 <= len(answers) <= len(_LETTERS):
            return Dropped("judge.cannot_rank", f"{len(answers)} answers")
        shuffled = [self._shuffled(row, repeat) for repeat in range(self.repeats)]
        if not replies:
            return [self._ask(row, places) for places in shuffled]
        ranks = []
        for call, reply in enumerate(replies):
            with reading(call):
                by_letter = self._read(reply, len(answers))
            by_place = {place: by_letter[i] for i, place in enumerate(shuffled[call])}
            ranks.append([by_place[place] for place in range(len(answers))])
        agreement = kendall_w(ranks) if len(ranks) > 1 else None
        mean = [fmean(each) for each in zip(*ranks, strict=True)]
        orders = [sorted(range(len(answers)), key=each.__getitem__) for each in ranks]
        texts = [reply.text for reply in replies]
        scores = [len(answers) - rank for rank in mean]
        facts = (mean, scores, agreement, orders, self.verdict, replies[0].model, texts)
        return Kept(dict(zip(self.adds, facts, strict=True)))

    def _shuffled(self, row: Row, repeat: int) -> list[int]:
        places = list(range(len(row["responses"])))
        random.Random(f"{row['seed']} {repeat}").shuffle(places)
        return places

    def _ask(self, row: Row, places: Sequence[int]) -> Ask:
        texts = [row["responses"][place] for place in places]
        letters = _LETTERS[: len(texts)]
        answers = list(zip(letters, texts, strict=True))
        texts_shown = shown({"instruction": row["instruction"], "answers": answers})
        told = {"rubric": self.rubric, **self._form_of_order(letters)}
        text = prompts.render("judge/rank", **texts_shown, **told)
        if self.verdict == "logprobs":
            return Ask(chat(text), Sampling(max_tokens=1), logprobs=TOP)
        return Ask(chat(text), Sampling(max_tokens=self.max_tokens), schema=self._order(letters))

    def _form_of_order(self, letters: str) -> dict[str, str]:
        if self.verdict == "logprobs":
            return {"reply_with": "Reply with the letter of the best answer alone.", "cue": "Best:"}
        example = '"order": ["…", "…"]'
        if self.verdict == "rationale":
            example = f'"reasons": "…", {example}'
        told = f"with each of the letters {', '.join(letters)} once, the best first"
        return {"reply_with": f"Reply with one JSON object: {{{example}}}, {told}.", "cue": "JSON:"}

    def _order(self, letters: str) -> Mapping[str, object]:
        count = {"minItems": len(letters), "maxItems": len(letters)}
        order = {"type": "array", "items": {"enum": list(letters)}, **count}
        properties: dict[str, object] = {"order": order}
        if self.verdict == "rationale":
            properties = {"reasons": {"type": "string", "minLength": 1}, **properties}
        required = list(properties)
        return {"type": "object", "properties": properties, "required": required}

    def _read(self, reply: Reply, count: int) -> list[float]:
        """The rank of each letter; of equal ones, or unmentioned ones, the mean of their places."""
        letters = _LETTERS[:count]
        if self.verdict == "logprobs":
            found = token_probabilities(reply, letters.lower())
            if sum(found.values()) < self.min_mass:
                raise ReplyError(f"only {sum(found.values()):.3f} of the probability is on letters")
            return [
                float(rank) for rank in average_ranks([-found[each.lower()] for each in letters])
            ]
        order = parse_object(reply.text).get("order")
        if not isinstance(order, list) or sorted(map(str, order)) != list(letters):
            raise ReplyError(f"'order' is {order!r}"[:200])
        return [float(order.index(letter) + 1) for letter in letters]
