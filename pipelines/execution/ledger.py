"""A step's manifest while it grows: what was there before, and what this run keeps of it."""

from pathlib import Path

from pipelines.execution.work import Input
from pipelines.plan import Step
from pipelines.store import manifest
from pipelines.store.manifest import Manifest, Shard
from stages.errors import RunError


class Ledger:
    """The step's manifest while it grows: what was there, and what this run keeps of it."""

    def __init__(self, folder: Path, step: Step) -> None:
        self._folder = folder
        found = manifest.read(folder)
        self._before = {(s.index, s.input): s for s in _reusable(found)}
        self._kept: dict[int, Shard] = {}
        self._step = step
        self._on_disk = found

    @property
    def current(self) -> Manifest:
        """The shards kept so far."""
        shards = tuple(self._kept[index] for index in sorted(self._kept))
        return Manifest(stage=self._step.path, fingerprint=self._step.fingerprint, shards=shards)

    @property
    def was_complete(self) -> bool:
        """Whether the step was complete before, with all its files."""
        found = self._on_disk
        return found is not None and found.complete and all(map(self._there, found.shards))

    def adopt(self) -> list[Shard]:
        """Keep all shards of a step that was complete."""
        found = self._on_disk.shards if self._on_disk else ()
        self._kept = {shard.index: shard for shard in found}
        return list(found)

    def _there(self, shard: Shard) -> bool:
        return all((self._folder / file.name).is_file() for file in (shard.part, shard.rejected))

    def known(self, given: Input) -> Shard | None:
        """The committed shard made of the same rows, if its files are there."""
        shard = self._before.get((given.index, given.digest))
        return shard if shard is not None and self._there(shard) else None

    def keep(self, shard: Shard) -> None:
        """It belongs to this run; the manifest has it already."""
        self._kept[shard.index] = shard

    def commit(self, shard: Shard) -> None:
        """Add a new shard to the manifest, if its counts add up."""
        if not shard.counts.add_up() or shard.part.rows != shard.counts.output:
            raise RunError(f"{self._step.name}: the fates of shard {shard.index} do not add up")
        self._kept[shard.index] = shard
        # Shards of an earlier run that this one has not come to yet stay known until the end:
        # whoever is killed now finds them again.
        waiting = [s for (index, _), s in self._before.items() if index not in self._kept]
        shards = sorted([*self._kept.values(), *waiting], key=lambda s: s.index)
        self._write(self.current.model_copy(update={"shards": tuple(shards)}))

    def complete(self) -> Manifest:
        """Say that no more shards will come."""
        done = self.current.model_copy(update={"complete": True})
        if done != self._on_disk:
            self._write(done)
        return done

    def _write(self, content: Manifest) -> None:
        manifest.write(self._folder, content)


def _reusable(found: Manifest | None) -> list[Shard]:
    """Committed shards that need not be done again.

    Of a step that was broken off, shards with failed rows are: whoever mends the cause and runs
    again wants these rows. A complete step stands as it is.
    """
    if found is None:
        return []
    return [shard for shard in found.shards if found.complete or not shard.counts.failed]
