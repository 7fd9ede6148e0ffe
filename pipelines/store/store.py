"""The store's layout: `stages/<path>-<fingerprint>/`, `runs/<run id>/` and `lease/`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from pipelines.store import lease
from pipelines.store import runs as records
from pipelines.store.files.folder import Folder, LocalFolder
from stages.errors import RunError, UserError


@dataclass(frozen=True, slots=True)
class Store:
    """Stage folders, shared by all runs that need the same rows, and the runs."""

    root: Folder

    @classmethod
    def at(cls, where: str | os.PathLike[str]) -> "Store":
        """The store in a folder, or in a bucket (`s3://bucket/prefix`).

        Raises:
            UserError: an address of another kind.
        """
        place = os.fspath(where)
        scheme, there, _ = place.partition("://")
        if not there:
            return cls(LocalFolder(Path(place)))
        if scheme != "s3":
            remedy = "Stores are folders, or buckets by s3://BUCKET/PREFIX."
            raise UserError(f"there is no kind of store '{scheme}://'", remedy)
        from pipelines.store.files.bucket import Bucket

        return cls(Bucket(place.rstrip("/")))

    def absolute(self) -> "Store":
        """The same store for processes that were started elsewhere."""
        if isinstance(self.root, LocalFolder):
            return Store(LocalFolder(self.root.path.resolve()))
        return self

    @property
    def runs(self) -> Folder:
        """The folder of run folders."""
        return self.root / "runs"

    @property
    def stages(self) -> Folder:
        """The folder of stage folders."""
        return self.root / "stages"

    @property
    def audits(self) -> "Store":
        """A store in the store, for what judges are asked about judges: no run of a dataset."""
        return Store(self.root / "audits")

    def stage(self, folder: str) -> Folder:
        """A stage's folder."""
        return self.stages / folder

    def run(self, run_id: str) -> Folder:
        """A run's folder."""
        return self.runs / run_id

    def all_runs(self, *, whole: bool = False) -> list[records.Run]:
        """The runs, oldest first. `whole`: leave out records that are damaged.

        Raises:
            RunError: a record is damaged.
        """
        found = []
        for run_id in records.ids(self.runs):
            with suppress(RunError) if whole else nullcontext():
                found.append(records.read(self.runs, run_id))
        return sorted(found, key=lambda run: (run.started, run.id))

    def find(self, run_id: str | None) -> records.Run:
        """The run with that id, or the latest.

        Raises:
            UserError: there is none.
        """
        if run_id:
            return records.read(self.runs, run_id)
        latest = self.all_runs()[-1:]
        if not latest:
            remedy = "Run a recipe first, or name another folder by --store."
            raise UserError(f"there are no runs in {self.root.uri()}", remedy)
        return latest[0]

    @contextmanager
    def writing(self, run_id: str) -> Iterator[lease.Lease]:
        """Hold the store for one writer, which gives its name.

        Raises:
            UserError: the folder cannot be written to, or another process is writing.
        """
        try:
            held = lease.acquire(self.root / "lease", run_id)
        except RunError as error:
            remedy = "Fix it, or name another folder by --store."
            cause = f"the store {self.root.uri()} cannot be written to ({error.cause})"
            raise UserError(cause, remedy) from None
        try:
            yield held
        finally:
            held.close()
