"""Fill a prompt with a row's columns, and read columns or new rows from the reply.

In:  {topic: "Cooking"}
Out: {instruction: "…"}, or a child per item with `each`

    - use: generate.from_prompt
      prompt: self_instruct/write       # prompts/self_instruct/write.md.j2, or `template:` itself
      draw: {tone: [formal, casual]}    # drawn for each row; a column too
      gives: {instruction: text}        # a field of a JSON object

Many methods are a prompt and a way to read the reply, and nothing else; their recipes use this
stage. Holes of the template are filled from `words`, from what is drawn, and else from the row's
columns, which the plan checks. What the reply has to be is said at the prompt's end.
"""

import difflib
import random
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

import pyarrow as pa
from annotated_types import MinLen
from pydantic import Field, JsonValue, model_validator
from typing_extensions import override

import prompts
from stages.ask import Ask, Capability, Reply, chat
from stages.base import Columns, Derived, Fate, Kept, Role, Row
from stages.shared.reply_form import Given, ReplyForm
from stages.shared.sampled import Sampled


class FromPrompt(Sampled):
    """One call per row; a row whose `when` is false or null is not asked."""

    role: ClassVar[Role] = "generate"

    prompt: str = ""
    """A template of `prompts/`, by its path."""
    template: str = ""
    """A template of the recipe's own, in place of `prompt`."""
    system: str | None = None
    gives: Mapping[str, Given] = Field(min_length=1)
    """The columns that are read: `text`, `texts`, `number`, `integer`, `boolean` or a list of texts
    are fields of a JSON object; `reply` is the whole text; `finish_reason` why it ended."""
    each: int | None = Field(None, ge=1, le=100)
    """Ask for so many at once; each becomes a row of its own."""
    draw: Mapping[str, Annotated[tuple[str, ...], MinLen(1)]] = Field(default_factory=dict)
    """For each row one of these is drawn by the row's seed, and stays as a column."""
    words: Mapping[str, JsonValue] = Field(default_factory=dict)
    """What the template holds beside columns, the same for all rows."""
    when: str | None = None
    """A column of yes or no; rows without a yes pass, their new columns null."""

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if bool(self.prompt) == bool(self.template):
            raise ValueError("give either `prompt`, a template of prompts/, or `template` itself")
        if self.prompt and self.prompt not in (known := prompts.names()):
            near = difflib.get_close_matches(self.prompt, known, 1, 0) or ["none"]
            raise ValueError(f"no template '{self.prompt}' in prompts/; nearest: {near[0]}")
        self._form.check()
        holes = prompts.holes(self._source)
        if unused := [name for name in (*self.words, *self.draw) if name not in holes]:
            raise ValueError(f"the template has no hole '{unused[0]}' (it has: {', '.join(holes)})")
        return self

    @property
    def _form(self) -> ReplyForm:
        return ReplyForm(self.gives, self.each)

    @property
    def _source(self) -> str:
        return self.template or prompts.text(self.prompt)

    @property
    @override
    def prompts(self) -> tuple[str, ...]:
        return (self.prompt,) if self.prompt else ()

    @property
    @override
    def requires(self) -> frozenset[Capability]:
        return frozenset({"chat"} if self._form.schema() is None else {"chat", "schema"})

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        holes = [n for n in prompts.holes(self._source) if n not in {*self.words, *self.draw}]
        return (*holes, *([self.when] if self.when else []), *(["seed"] if self.draw else []))

    @property
    @override
    def adds(self) -> Columns:
        return dict.fromkeys(self.draw, pa.string()) | dict(self._form.columns)

    @property
    @override
    def derives(self) -> bool:
        return self.each is not None

    @property
    @override
    def uses_seed(self) -> bool:
        return bool(self.draw) or self.temperature > 0

    @override
    def max_rows(self, rows: int) -> int:
        return rows * (self.each or 1)

    def drawn(self, row: Row) -> Row:
        """What is drawn for `row`: each name by itself, each value as likely as the others."""
        if not self.draw:
            return {}
        draw = random.Random(row["seed"])
        return {name: draw.choice(values) for name, values in sorted(self.draw.items())}

    @override
    def ask(self, row: Row) -> Ask | Fate:
        if self.when and not row[self.when]:
            return Kept()
        values: dict[str, Any] = {**row, **self.words, **self.drawn(row)}
        text = prompts.fill(self._source, values)
        asked = "\n\n".join(part for part in (text, self._form.sentence()) if part)
        return Ask(chat(asked, self.system), self.sampling(), schema=self._form.schema())

    @override
    def read(self, row: Row, reply: Reply) -> Fate:
        drawn = self.drawn(row)
        rows = tuple({**drawn, **found} for found in self._form.read(reply))
        return Kept(rows[0]) if self.each is None else Derived(rows)
