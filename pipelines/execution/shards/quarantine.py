"""Work whose process dies: tried again a few times, then row by row to find the row that kills.

A row that takes its process with it (a native crash, memory without bounds) would otherwise stop
the run forever. Row by row costs nothing twice: answers come back from the journal.
"""

from concurrent.futures import Future
from dataclasses import replace

from pipelines.execution.shards.shard_task import ShardTask
from pipelines.execution.shards.worker_died import WorkerDied
from pipelines.store.log.manifest import Shard
from stages.base import SetStage
from stages.errors import RunError

_ATTEMPTS = 3
"""Times that work is begun as a whole before its rows are tried one by one."""


class Quarantine:
    """What is known of the work of one step that was lost."""

    def __init__(self) -> None:
        self._attempts: dict[int, int] = {}
        self._suspects: dict[int, _Suspects] = {}

    def follow_up(self, work: ShardTask, done: "Future[list[Shard]]") -> list[ShardTask]:
        """What to do after `work` has ended: nothing where it succeeded.

        Raises:
            RunError: a set stage's process dies again and again, or the work's own error.
        """
        error = done.exception()
        index = work.inputs[0].index if work.inputs else 0
        if error is not None and not isinstance(error, WorkerDied):
            raise error
        if work.only is not None:
            return self._suspects[index].heard(work, work.only, error)
        if error is None:
            return []
        self._attempts[index] = self._attempts.get(index, 0) + 1
        if self._attempts[index] < _ATTEMPTS:
            return [work]
        if isinstance(work.step.stage, SetStage) or index in self._suspects:
            cause = f"{work.step.name}: {error}, {_ATTEMPTS} times in a row"
            raise RunError(cause, "Watch the memory, then run again: what is committed is kept.")
        self._suspects[index] = _Suspects(work)
        return self._suspects[index].next()


class _Suspects:
    """The rows of a shard while they are tried, one at a time.

    A row that dies is tried once more before it is convicted: what killed the engine may have
    been work of another shard.
    """

    def __init__(self, work: ShardTask) -> None:
        self._work = work
        self._rows = iter(range(work.inputs[0].rows))
        self._struck: int | None = None
        self._poisoned: dict[int, str] = {}

    def next(self) -> list[ShardTask]:
        """The next row, or after the last the whole without the rows that kill."""
        row = next(self._rows, None)
        if row is None:
            return [replace(self._work, poisoned=self._poisoned)]
        return [replace(self._work, only=row)]

    def heard(self, work: ShardTask, row: int, error: BaseException | None) -> list[ShardTask]:
        if error is None:
            return self.next()
        if self._struck != row:
            self._struck = row
            return [work]
        self._poisoned[row] = str(error)
        return self.next()
