"""Answer an instruction in a form: JSON by a schema, or text by a regular expression.

In:  {instruction: "Who wrote Faust?"}
Out: {response: '{"author": "Goethe"}', response_finish_reason: "stop"}

The engine holds the model to the form, except for how long strings may be, which would take up to
45 % of its speed (P6 in benchmarks/README.md). What comes is checked in full, because not every
server keeps its word and because a reply may be cut off. One that does not fit is an unreadable
reply (`on_parse_error`).
"""

import json
from dataclasses import replace
from typing import ClassVar

from typing_extensions import override

from stages.ask import Ask, Capability, Sample
from stages.base import Fate, Row
from stages.generate.respond import Respond
from stages.shared.checks.constraints import without_lengths
from stages.shared.checks.form_check import FormCheck


class Structured(FormCheck, Respond):
    """Either `json_schema` (draft 2020-12) or `pattern`, which the whole answer must match."""

    version: ClassVar[int] = 2

    @property
    @override
    def requires(self) -> frozenset[Capability]:
        return super().requires | {"schema" if self.json_schema is not None else "pattern"}

    @override
    def identity(self) -> Row:
        # The order of properties is that in which a grammar wants them; JSON keys are sorted.
        said, ordered = (json.dumps(self.json_schema, sort_keys=s) for s in (False, True))
        return {} if said == ordered else {"order": said}

    def ask(self, row: Row) -> Ask | Fate:
        """The question as it stands, the form beside it."""
        ask = super().ask(row)
        if not isinstance(ask, Ask):
            return ask
        return replace(ask, schema=without_lengths(self.json_schema), pattern=self.pattern)

    def _columns(self, sample: Sample) -> dict[str, str]:
        """Of an answer that has the form; what is stored as JSON is JSON."""
        return super()._columns(replace(sample, text=self.fitted(sample.text)))
