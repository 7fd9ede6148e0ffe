"""Magpie self-synthesis (arXiv:2406.08464): an aligned model continues an open user turn.

In:  nothing; `rows` blank rows
Out: {instruction: "How do I sort a list of tuples in Python?", finish_reason: "stop"}

The turn comes from the engine's own chat template, from a named `family`, or literally from
`pre_query`. No seed data and no instruction to the model: variety comes from sampling alone, so
each row has its own seed. Departures from the released code: temperature 0.8 with `min_p` rather
than 1.0 (small models grow noisy), and one line per instruction is a setting (`one_line`), not a
hidden stop string.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Self

import pyarrow as pa
from pydantic import Field, model_validator
from typing_extensions import override

from stages.ask import Ask, Capability, Raw, Reply, UserTurn
from stages.base import Columns, Fate, Kept, Role, Row
from stages.generate.families import FAMILIES
from stages.shared.sampled import Sampled


class Magpie(Sampled):
    """Instructions out of nothing."""

    version: ClassVar[int] = 2
    role: ClassVar[Role] = "generate"
    cites: ClassVar[tuple[str, ...]] = ("magpie",)
    adds: ClassVar[Columns] = {"instruction": pa.string(), "finish_reason": pa.string()}

    rows: int = Field(gt=0)
    """How many turns to sample; some will be filtered out later."""
    temperature: float = Field(0.8, ge=0, le=2)
    min_p: float = Field(0.05, ge=0, le=1)
    max_tokens: int = Field(256, gt=0)
    system: str | None = None
    """A system message before the turn, to steer towards a domain or a language."""
    family: str | None = None
    """A chat format by name, for servers whose tokenizer is not at hand."""
    pre_query: str | None = None
    """The text before the user's first character, literally."""
    stop: tuple[str, ...] = ()
    """Further strings that end the turn, such as "\\nA:" for models that answer themselves."""
    one_line: bool = False
    """Stop at the first newline, as Magpie's Llama-3 sets did."""

    @model_validator(mode="after")
    def _one_turn(self) -> Self:
        if self.pre_query is not None and (self.family or self.system is not None):
            raise ValueError("`pre_query` is literal: it goes with neither `family` nor `system`")
        if self.family is not None and self.family not in FAMILIES:
            raise ValueError(f"unknown family '{self.family}'; known: {', '.join(FAMILIES)}")
        if self.family is not None:
            FAMILIES[self.family].pre_query(self.system)  # refuses a system message it cannot take
        return self

    @property
    @override
    def requires(self) -> frozenset[Capability]:
        literal = self.pre_query is not None or self.family is not None
        return frozenset({"raw"}) if literal else frozenset({"user_turn"})

    def initial_rows(self) -> Sequence[Row]:
        """Blank rows."""
        return [{}] * self.rows

    def ask(self, row: Row) -> Ask:
        """The open user turn; the same for every row, only the seed differs."""
        stop = (*self.stop, "\n") if self.one_line else self.stop
        if self.pre_query is not None:
            return Ask(Raw(self.pre_query), self.sampling(stop=stop))
        if self.family is None:
            return Ask(UserTurn(self.system), self.sampling(stop=stop))
        family = FAMILIES[self.family]
        sampling = replace(self.sampling(stop=family.stops + stop), stop_ids=family.stop_ids)
        return Ask(Raw(family.pre_query(self.system)), sampling)

    def read(self, row: Row, reply: Reply) -> Fate:
        """Whatever was said is the instruction; filters come later."""
        sample = reply.sample
        return Kept({"instruction": sample.text, "finish_reason": sample.finish_reason})
