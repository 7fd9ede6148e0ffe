"""A step's manifest while it grows: what was there before, and what this run keeps of it."""

import hashlib
from collections.abc import Iterable, Sequence

from pipelines.execution.shards.inputs import Input
from pipelines.plan.steps import Step
from pipelines.store.files.folder import Folder
from pipelines.store.log.log import Log
from pipelines.store.log.manifest import Manifest, Shard
from stages.base import Stage
from stages.errors import RunError


class StepCommits:
    """Opened for one run under its epoch.

    From then on no writer of an older epoch can commit to the step.
    """

    def __init__(self, folder: Folder, step: Step, epoch: int, *, as_it_was: bool = False) -> None:
        self._step, self._epoch, self._as_it_was = step, epoch, as_it_was
        self._log = Log(folder, step.path, step.fingerprint)
        files = set(folder.names())
        there = [s for s in self._log.shards.values() if _names(s) <= files]
        self.was_complete = self._log.complete and len(there) == len(self._log.shards)
        self._before = {(s.index, s.input): s for s in there if self._is_reusable(s)}
        self._kept: dict[int, Shard] = {}
        self.rows = self.failed = 0
        if not self.was_complete:
            self._log.commit(epoch)

    def _is_reusable(self, shard: Shard) -> bool:
        """Whether a committed shard can be reused.

        If the step was interrupted, shards with failed rows are done again, so that a rerun retries
        those rows. A complete step is reused as it is, even where a repair removed one of its
        shards (`as_it_was`).
        """
        return self._log.complete or self._as_it_was or not shard.counts.failed

    @property
    def cuts(self) -> dict[int, int]:
        """Rows that went into the shards that need not be done again, by their index."""
        return {index: shard.counts.input for (index, _), shard in self._before.items()}

    @property
    def given(self) -> str:
        """Of a step that was complete, the digest of all that it was made of."""
        return self._log.given

    @property
    def why(self) -> str:
        """Rows dropped or failed so far, by reason, in one line."""
        return Manifest("", "", shards=tuple(self._kept.values())).why

    def adopt(self) -> list[Shard]:
        """Keep all shards of a step that was complete."""
        self._kept = dict(self._log.shards)
        return [self._kept[index] for index in sorted(self._kept)]

    def known(self, given: Input) -> Shard | None:
        """The committed shard made of the same rows, if its files are there."""
        return self._before.get((given.index, given.digest))

    def keep(self, shard: Shard) -> None:
        """It belongs to this run; the manifest has it already."""
        self._kept[shard.index] = shard
        self.rows += shard.counts.input
        self.failed += shard.counts.failed

    def commit(self, shards: Sequence[Shard]) -> None:
        """Add new shards to the manifest, if their counts add up.

        Shards of an earlier run that this one has not come to yet stay, so that they are there
        again if this run is killed.
        """
        for shard in shards:
            if not shard.counts.add_up() or shard.part.rows != shard.counts.output:
                raise RunError(f"{self._step.name}: the fates of shard {shard.index} do not add up")
            refused = shard.counts.dropped + shard.counts.failed
            if shard.rejected.rows != refused or sum(shard.reasons.values()) != refused:
                raise RunError(f"{self._step.name}: shard {shard.index} lost a rejected row")
        self._log.commit(self._epoch, tuple(shards), remove=self._cut_otherwise(shards))
        for shard in shards:
            self.keep(shard)

    def _cut_otherwise(self, shards: Sequence[Shard]) -> tuple[int, ...]:
        """For a first step: the shards of an earlier cut that overlap these."""
        if type(self._step.stage).initial_rows is Stage.initial_rows:
            return ()
        new = {shard.index: shard.index + shard.counts.input for shard in shards}
        return tuple(
            index
            for index, old in self._log.shards.items()
            if index not in new
            and any(a < index + old.counts.input and index < b for a, b in new.items())
            and index not in self._kept
        )

    def complete(self, given: str) -> Manifest:
        """Say that these are all shards. `given`: the digest of all that came in.

        If it is empty, a later run may add more: the step is not complete.
        """
        stale = tuple(index for index in self._log.shards if index not in self._kept)
        if stale or self._log.given != given or (given and not self._log.complete):
            self._log.commit(self._epoch, remove=stale, given=given)
        return self._log.manifest


def digest(shards: Iterable[Shard]) -> str:
    """One name for the rows of all these shards, in order."""
    names = [s.part.sha256 for s in sorted(shards, key=lambda shard: shard.index)]
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def _names(shard: Shard) -> set[str]:
    return {file.name for file in shard.files}
