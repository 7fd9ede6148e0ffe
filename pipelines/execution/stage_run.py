"""One step from its first shard to its last: reuse what is committed, do the rest, commit it."""

import queue
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from pipelines.execution.executor import Executor
from pipelines.execution.feed import Feed, Upstream
from pipelines.execution.inputs import works
from pipelines.execution.ledger import Ledger
from pipelines.execution.work import Work
from pipelines.plan import Step
from pipelines.recipe import Recipe
from pipelines.store.manifest import Manifest, Shard
from pipelines.store.store import Store
from stages.errors import RunError

_ENOUGH = 10
"""Rows of an unfinished stage before its share of failures is held against the limit."""

_Inbox = queue.SimpleQueue[Work | Future[list[Shard]] | Exception | None]


class Watch(Protocol):
    """Who wants to know how a run goes."""

    def began(self, step: Step) -> None:
        """The step has begun."""

    def committed(self, step: Step, shard: Shard, *, reused: bool) -> None:
        """A shard is there, computed now or before."""

    def ended(self, step: Step, done: Manifest) -> None:
        """The step is complete."""


class Silent:
    """A `Watch` that does not look."""

    def began(self, step: Step) -> None:
        """Nothing."""

    def committed(self, step: Step, shard: Shard, *, reused: bool) -> None:
        """Nothing."""

    def ended(self, step: Step, done: Manifest) -> None:
        """Nothing."""


@dataclass(slots=True)
class StageRun:
    """What one step needs to run. `stop` is set when the run is to end early."""

    step: Step
    before: Step | None
    recipe: Recipe
    store: Store
    executor: Executor
    watch: Watch
    stop: threading.Event
    out: Feed = field(default_factory=Feed)

    def run(self, upstream: Feed | None) -> Manifest:
        """Commit all shards of the step.

        Raises:
            RunError: too many rows failed, a full disk, a dead engine.
            Upstream: the step before broke off.
        """
        self.watch.began(self.step)
        try:
            done = self._run(upstream)
        except BaseException:
            self.stop.set()
            self.out.end(broken=True)
            raise
        self.out.end()
        self.watch.ended(self.step, done)
        return done

    def _run(self, upstream: Feed | None) -> Manifest:
        folder = self.store.stage(self.step.folder)
        folder.mkdir(parents=True, exist_ok=True)
        ledger = Ledger(folder, self.step)
        if upstream is None and ledger.was_complete:
            # The fingerprint names the seeds: however they were cut, these are the rows.
            for shard in ledger.adopt():
                self._announce(shard, reused=True)
            return ledger.complete()
        inbox: _Inbox = queue.SimpleQueue()
        threading.Thread(target=self._feed, args=(upstream, inbox), daemon=True).start()
        self._work_off(inbox, ledger)
        self._check_limit(ledger.current, enough=1)
        return ledger.complete()

    def _feed(self, upstream: Feed | None, inbox: _Inbox) -> None:
        size = self.recipe.placement.shard_rows
        try:
            for work in works(self.step, self.before, upstream, self.store, size):
                inbox.put(work)
        except Exception as error:  # noqa: BLE001  raised again in the step's own thread
            inbox.put(error)
        else:
            inbox.put(None)

    def _work_off(self, inbox: _Inbox, ledger: Ledger) -> None:
        """Submit work as it comes, some at a time, and commit shards as they are done."""
        waiting: deque[Work] = deque()
        running, more = 0, True
        while more or waiting or running:
            match self._next(inbox):
                case Work() as work:
                    if not self._reuse(work, ledger):
                        waiting.append(work)
                case Future() as done:
                    running -= 1
                    self._commit(done.result(), ledger)
                case None:
                    more = False
            while waiting and running < self.recipe.placement.shards_in_flight:
                self.executor.submit(waiting.popleft()).add_done_callback(inbox.put)
                running += 1

    def _next(self, inbox: _Inbox) -> "Work | Future[list[Shard]] | None":
        while not self.stop.is_set():
            try:
                event = inbox.get(timeout=0.5)
            except queue.Empty:
                continue
            if isinstance(event, Exception):
                raise event
            return event
        raise Upstream

    def _reuse(self, work: Work, ledger: Ledger) -> bool:
        """Whether all shards of `work` are committed already; if so, they count as done."""
        found = [ledger.known(given) for given in work.inputs]
        shards = [shard for shard in found if shard is not None]
        if len(shards) < len(work.inputs):
            return False
        for shard in shards:
            ledger.keep(shard)
            self._announce(shard, reused=True)
        return True

    def _commit(self, shards: list[Shard], ledger: Ledger) -> None:
        for shard in shards:
            ledger.commit(shard)
            self._announce(shard, reused=False)
        self._check_limit(ledger.current)

    def _announce(self, shard: Shard, *, reused: bool) -> None:
        self.watch.committed(self.step, shard, reused=reused)
        self.out.put(shard)

    def _check_limit(self, current: Manifest, enough: int = _ENOUGH) -> None:
        counts, limit = current.counts, self.recipe.limits.failed
        if counts.input >= enough and counts.failed > limit * counts.input:
            cause = (
                f"{self.step.name}: {counts.failed} of {counts.input} rows failed ({current.why})"
            )
            remedy = "Look at `bowerbird sql 'SELECT reason, detail FROM rejected'`, mend the"
            raise RunError(cause, f"{remedy} cause, or raise `limits.failed` in the recipe.")
