"""Fill a prompt with a row's columns, and read columns or new rows from the reply.

In:  {topic: "Cooking"}
Out: {instruction: "…"}, or a child per item with `each`

    - use: generate.from_prompt
      prompt: self_instruct/write       # prompts/self_instruct/write.md.j2, or `template:` itself
      gives: {instruction: text}        # a field of a JSON object

Many methods are a prompt and a way to read the reply, and nothing else; their recipes use this
stage. Holes of the template are filled from `words`, and else from the row's columns, which the
plan checks (`draw.values` makes columns by chance). With `{{ nonce }}` in its tags, such as
`<answer-{{ nonce }}>`, no row's text can leave its block (`shared/judging/material.py`). What the
reply has to be is said at the prompt's end. A reply that repeats the prompt's own words or marks is
unreadable (`leaks.py`).
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Self

from pydantic import Field, JsonValue, model_validator
from typing_extensions import override

import prompts
from stages.ask import Ask, Capability, Reply, chat
from stages.base import Columns, Derived, Failed, Fate, Kept, Role, Row
from stages.shared.judging.material import shown
from stages.shared.reply_form import Given, ReplyForm
from stages.shared.sampled import Sampled
from stages.shared.texts.leaks import refuse_leaks


class FromPrompt(Sampled):
    """One call per row; a row whose `when` is false or null is not asked."""

    version: ClassVar[int] = 3
    role: ClassVar[Role] = "generate"

    prompt: str = ""
    """A template of `prompts/`, by its path."""
    template: str = ""
    """A template of the recipe's own, in place of `prompt`."""
    system: str | None = None
    """A system message, with holes as the template has them."""
    gives: Mapping[str, Given] = Field(min_length=1)
    """The columns that are read: `text`, `texts`, `number`, `integer`, `boolean` or a list of texts
    are fields of a JSON object; `reply` is the whole text; `finish_reason` why it ended."""
    each: int | None = Field(None, ge=1, le=100)
    """Ask for so many at once; each becomes a row of its own. To group stages (`select.best`) they
    are answers to one question."""
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
        holes = self._holes
        if unused := [name for name in self.words if name not in holes]:
            raise ValueError(f"the template has no hole '{unused[0]}' (it has: {', '.join(holes)})")
        return self

    @property
    def _form(self) -> ReplyForm:
        return ReplyForm(self.gives, self.each)

    @property
    def _holes(self) -> tuple[str, ...]:
        both = (*prompts.holes(self._source), *prompts.holes(self.system or ""))
        return tuple(dict.fromkeys(both))

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
        holes = [name for name in self._holes if name not in (*self.words, "nonce")]
        return (*holes, *([self.when] if self.when else []))

    @property
    @override
    def adds(self) -> Columns:
        return self._form.columns

    @property
    @override
    def derives(self) -> bool:
        return self.each is not None

    @override
    def max_rows(self, rows: int) -> int:
        return rows * (self.each or 1)

    @override
    def ask(self, row: Row) -> Ask | Fate:
        if self.when and row[self.when] is not True:
            return _passed_by(self.when, row[self.when])
        values = {**row, **self.words}
        if "nonce" in self._holes:
            texts = {name: row[name] for name in self._as_they_stand()}
            values |= shown({name: text for name, text in texts.items() if _is_text(text)})
        text = prompts.fill(self._source, values)
        system = prompts.fill(self.system, values) if self.system else None
        asked = "\n\n".join(part for part in (text, self._form.sentence()) if part)
        return Ask(chat(asked, system), self.sampling(), schema=self._form.schema())

    def _as_they_stand(self) -> list[str]:
        """Columns in the order of the template: the first text makes the nonce."""
        holes = [name for name in self.needs if name != self.when]
        places = {name: self._source.find(f"{{{{ {name} ") for name in holes}
        return sorted(holes, key=lambda name: (places[name] < 0, places[name]))

    @override
    def read(self, row: Row, reply: Reply) -> Fate:
        rows = tuple(self._form.read(reply))
        for text in self._texts(rows):
            refuse_leaks(text, self._source)
        return Kept(rows[0]) if self.each is None else Derived(rows)

    def _texts(self, rows: Sequence[Row]) -> Iterator[str]:
        """What the model has put into words; a choice is the recipe's."""
        free = [name for name, kind in self.gives.items() if kind in ("text", "texts", "reply")]
        for value in (row[name] for row in rows for name in free):
            yield from [value] if isinstance(value, str) else value

    @override
    def identity(self) -> Row:
        # The order of fields is that of the sentence and of the grammar; JSON keys are sorted.
        return {} if list(self.gives) == sorted(self.gives) else {"order": list(self.gives)}


def _is_text(value: object) -> bool:
    several = isinstance(value, list) and all(isinstance(each, str | None) for each in value)
    return several or isinstance(value, str | None)


def _passed_by(name: str, value: object) -> Fate:
    if value is None or value is False:
        return Kept()
    return Failed("prompt.when", f"'{name}' is {value!r}, no yes or no: see annotate.whether")
