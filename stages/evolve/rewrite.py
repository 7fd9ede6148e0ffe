"""Write a harder or a rarer version of an instruction.

In:  {instruction: "Name three rivers.", evolving: true}
Out: {evolved: "Name three rivers that …", evolved_by: "add_constraint"}; both null for a row that
     is not evolving

Five operators of depth and one of breadth, drawn with equal probability per row, as in the paper
(arXiv:2304.12244); its released code has four and one. Text the model wraps around the new
instruction (labels, quotes) is taken off; elimination is a stage of its own.
"""

from typing import ClassVar, Literal, get_args

import pyarrow as pa
from pydantic import Field

import prompts
from stages.ask import Ask, Capability, OnParseError, Reply, chat
from stages.base import Columns, Fate, Kept, Role, Row
from stages.shared.reply_form import ReplyForm
from stages.shared.sampled import Sampled
from stages.shared.texts.leaks import refuse_leaks

Operator = Literal[
    "add_constraint", "deepen", "concretise", "add_reasoning", "complicate_input", "breadth"
]
OPERATORS: tuple[Operator, ...] = get_args(Operator)
_FORM = ReplyForm({"request": "text"})


class Rewrite(Sampled):
    """One evolution per evolving row."""

    version: ClassVar[int] = 5
    role: ClassVar[Role] = "generate"
    prompts: ClassVar[tuple[str, ...]] = ("evolve/rewrite",)
    cites: ClassVar[tuple[str, ...]] = ("wizardlm",)
    requires: ClassVar[frozenset[Capability]] = frozenset({"chat", "schema"})
    needs: ClassVar[tuple[str, ...]] = ("instruction", "evolving", "seed")
    adds: ClassVar[Columns] = {"evolved": pa.string(), "evolved_by": pa.string()}

    on_parse_error: OnParseError = "null"
    """By default a row whose evolution cannot be read is not evolved, and stays in the pool."""
    temperature: float = Field(0.7, ge=0, le=2)
    max_tokens: int = Field(256, gt=0)
    operators: tuple[Operator, ...] = Field(OPERATORS, min_length=1)

    @property
    def uses_seed(self) -> bool:
        """Its operator is drawn, whatever the temperature."""
        return True

    def operator(self, row: Row) -> str:
        """Drawn by the row's seed: another in each round, the same in a rerun."""
        return self.operators[int(row["seed"]) % len(self.operators)]

    def ask(self, row: Row) -> Ask | Fate:
        """The instruction and the operator; nothing for a row that is not evolving."""
        if not row["evolving"]:
            return Kept()
        text = prompts.render(
            "evolve/rewrite", instruction=row["instruction"], operator=self.operator(row)
        )
        asked = f"{text}\n\n{_FORM.sentence()}"
        return Ask(chat(asked), self.sampling(), schema=_FORM.schema())

    def read(self, row: Row, reply: Reply) -> Fate:
        """The new instruction."""
        request = _FORM.read(reply)[0]["request"]
        refuse_leaks(request, prompts.text("evolve/rewrite"))
        return Kept({"evolved": request, "evolved_by": self.operator(row)})
