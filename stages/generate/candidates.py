"""Answer an instruction with some of the recipe's models, chosen for each row.

In:  {instruction: "Name three rivers."}
Out: a child per answer: {response: "…", response_finish_reason: "stop", response_model: "…",
     sample: 0}

UltraFeedback answers each instruction with 4 of its 17 models (arXiv:2310.01377, section 3). Which
of the engines are asked is drawn by the row's own seed, each as likely as the others.
"""

import random
from collections.abc import Sequence
from typing import ClassVar, Self

import pyarrow as pa
from pydantic import Field, model_validator
from typing_extensions import override

import prompts
from stages.ask import Ask, Capability, Reply, chat
from stages.base import Columns, Derived, Fate, Kept, MultiCallStage, Role, Row
from stages.shared.replies import reading
from stages.shared.sampled import SamplingSettings


class Candidates(SamplingSettings, MultiCallStage):
    """One call for each chosen engine, all at once."""

    version: ClassVar[int] = 2
    role: ClassVar[Role] = "generate"
    cites: ClassVar[tuple[str, ...]] = ("ultrafeedback",)
    requires: ClassVar[frozenset[Capability]] = frozenset({"chat"})
    adds: ClassVar[Columns] = {
        "response": pa.string(),
        "response_finish_reason": pa.string(),
        "response_model": pa.string(),
        "sample": pa.int64(),
    }
    derives: ClassVar[bool] = True
    uses_seed: ClassVar[bool] = True  # it draws the models, at any temperature

    models: int = Field(ge=1)
    """How many of the engines answer each row."""
    system: str | None = None
    """A system message; `{{ principle }}` in it is filled from the row's column of that name."""

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.models > len(self.engines):
            raise ValueError(f"{self.models} models of {len(self.engines)} engines")
        return self

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        return ("instruction", "seed", *prompts.holes(self.system or ""))

    @property
    @override
    def most_calls(self) -> int:
        return self.models

    @override
    def max_rows(self, rows: int) -> int:
        return rows * self.models

    @override
    def next(self, row: Row, replies: Sequence[Reply]) -> Sequence[Ask] | Fate:
        if row["instruction"] is None:
            return Kept()
        if not replies:
            chosen = random.Random(row["seed"]).sample(self.engines, self.models)
            system = prompts.fill(self.system, row) if self.system else None
            prompt = chat(row["instruction"], system)
            return [Ask(prompt, self.sampling(), engine=engine) for engine in chosen]
        answers = []
        for number, reply in enumerate(replies):
            with reading(number):
                answers.append(_answer(reply, number))
        return Derived(tuple(answers))


def _answer(reply: Reply, number: int) -> Row:
    return {
        "response": reply.text.strip(),
        "response_finish_reason": reply.sample.finish_reason,
        "response_model": reply.model,
        "sample": number,
    }
