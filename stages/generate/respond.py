"""Answer an instruction with the recipe's model, once or several times.

In:  {instruction: "Name three rivers."}
Out: {response: "The Nile, the Amazon and the Rhine.", response_finish_reason: "stop"}

With `samples` above 1 the row becomes the parent of one row per answer, each with its own
`sample` number; pairs are made of them later. A row whose instruction is null is not asked.
"""

import pyarrow as pa
from pydantic import Field
from typing_extensions import override

import prompts
from stages.ask import Ask, Capability, Reply, Sample, chat
from stages.base import Columns, Derived, Fate, Kept, Row
from stages.errors import ReplyError
from stages.shared.sampled import Sampled


class Respond(Sampled):
    """One call per row, however many samples."""

    system: str | None = None
    """A system message; `{{ profile }}` in it is filled from the row's column of that name."""
    samples: int = Field(1, ge=1, le=64)
    reasoning: bool = False
    """Keep what a reasoning model thought, as `response_reasoning`."""

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        return ("instruction", *prompts.holes(self.system or ""))

    @property
    @override
    def requires(self) -> frozenset[Capability]:
        return frozenset({"chat", "samples"}) if self.samples > 1 else frozenset({"chat"})

    @property
    @override
    def adds(self) -> Columns:
        columns = dict.fromkeys(("response", "response_finish_reason"), pa.string())
        columns |= {"response_reasoning": pa.string()} if self.reasoning else {}
        return columns | ({"sample": pa.int64()} if self.samples > 1 else {})

    @property
    @override
    def derives(self) -> bool:
        return self.samples > 1

    @property
    @override
    def most_tokens(self) -> int:
        return self.samples * self.max_tokens

    @override
    def max_rows(self, rows: int) -> int:
        return rows * self.samples

    def ask(self, row: Row) -> Ask | Fate:
        """The instruction as it stands."""
        if row["instruction"] is None:
            return Kept()
        system = prompts.fill(self.system, row) if self.system else None
        return Ask(chat(row["instruction"], system), self.sampling(samples=self.samples))

    def read(self, row: Row, reply: Reply) -> Fate:
        """The answer without surrounding white space."""
        if self.samples == 1:
            return Kept(self._columns(reply.sample))
        if len(reply.samples) != self.samples:
            raise ReplyError(f"asked for {self.samples} samples, got {len(reply.samples)}")
        numbered = enumerate(reply.samples)
        return Derived(tuple({**self._columns(s), "sample": i} for i, s in numbered))

    def _columns(self, sample: Sample) -> dict[str, str]:
        columns = {
            "response": sample.text.strip(),
            "response_finish_reason": sample.finish_reason,
        }
        return columns | ({"response_reasoning": sample.reasoning} if self.reasoning else {})
