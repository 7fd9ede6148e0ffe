"""Receivers of a run's progress."""

from typing import Protocol

from pipelines.plan.steps import Step
from pipelines.store.log.manifest import Manifest, Shard


class Watch(Protocol):
    """Receives a run's progress, from any thread."""

    def began(self, step: Step) -> None:
        """The step has begun."""

    def heard(self, step: Step, rows: int, tokens: int) -> None:
        """So many more rows have their fate, for which so many tokens were written."""

    def committed(self, step: Step, shard: Shard, *, reused: bool) -> None:
        """A shard is there, computed now or before."""

    def ended(self, step: Step, done: Manifest) -> None:
        """The step is complete."""

    def lost(self, step: Step, cause: str) -> None:
        """A process died; its work is tried again."""


class Silent:
    """A `Watch` that does not look."""

    def began(self, step: Step) -> None:
        """Nothing."""

    def heard(self, step: Step, rows: int, tokens: int) -> None:
        """Nothing."""

    def committed(self, step: Step, shard: Shard, *, reused: bool) -> None:
        """Nothing."""

    def ended(self, step: Step, done: Manifest) -> None:
        """Nothing."""

    def lost(self, step: Step, cause: str) -> None:
        """Nothing."""
