"""The store's layout: `stages/<path>-<fingerprint>/` and `runs/<run id>/`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from pipelines.store import runs
from stages.errors import UserError


@dataclass(frozen=True, slots=True)
class Store:
    """A folder. Stage folders are shared by all runs that need the same rows."""

    root: Path

    @property
    def runs_folder(self) -> Path:
        """The folder of run folders."""
        return self.root / "runs"

    def stage(self, folder: str) -> Path:
        """A stage's folder."""
        return self.root / "stages" / folder

    def run_folder(self, run_id: str) -> Path:
        """A run's folder."""
        return self.runs_folder / run_id

    def report(self, run_id: str) -> Path:
        """Where a run's report is, once it is written."""
        return self.run_folder(run_id) / "report.html"

    def all_runs(self) -> list[runs.Run]:
        """The runs, oldest first."""
        folders = sorted(self.runs_folder.glob(f"*/{runs.NAME}"))
        found = [runs.read(self.runs_folder, path.parent.name) for path in folders]
        return sorted(found, key=lambda run: (run.started, run.id))

    def find(self, run_id: str | None) -> runs.Run:
        """The run with that id, or the latest.

        Raises:
            UserError: there is none.
        """
        if run_id:
            return runs.read(self.runs_folder, run_id)
        latest = self.all_runs()[-1:]
        if not latest:
            remedy = "Run a recipe first, or name another folder by --store."
            raise UserError(f"there are no runs in {self.root}", remedy)
        return latest[0]

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the store for one writer; given up when the process ends, however it ends.

        Raises:
            UserError: the folder cannot be written to, or another process is writing.
        """
        try:
            self.runs_folder.mkdir(parents=True, exist_ok=True)
            (self.root / "stages").mkdir(exist_ok=True)
            lock = FileLock(self.root / ".lock", timeout=0)
            lock.acquire()
        except Timeout:
            cause = f"another run is writing to the store {self.root}"
            raise UserError(cause, "Wait for it, or name another folder by --store.") from None
        except OSError as error:
            cause = f"the store {self.root} cannot be written to ({error.strerror})"
            raise UserError(cause, "Mend its rights, or name another folder by --store.") from None
        try:
            yield
        finally:
            lock.release()
