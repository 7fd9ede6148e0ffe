"""One step from its first shard to its last: reuse what is committed, do the rest, commit it."""

import queue
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Protocol
from uuid import uuid4

from pipelines.execution.executor import Executor
from pipelines.execution.feed import Feed, Upstream
from pipelines.execution.inputs import Inputs
from pipelines.execution.ledger import Ledger, digest
from pipelines.execution.lost import Lost
from pipelines.execution.meter import Meter
from pipelines.execution.quarantine import Quarantine
from pipelines.execution.tape import Cassettes, Tape
from pipelines.execution.work import Work
from pipelines.plan import Step
from pipelines.recipe import Recipe
from pipelines.store import journal
from pipelines.store.folder import Folder
from pipelines.store.lease import Lease
from pipelines.store.manifest import Manifest, Shard
from pipelines.store.store import Store
from stages.base import PromptStage
from stages.errors import RunError

_ENOUGH = 10
"""Rows of an unfinished stage before its share of failures is held against the limit."""

_QUIET_S = 30.0
"""Without news before a step says what it waits for."""

_Done = tuple[Work, Future[list[Shard]]]
_Inbox = queue.SimpleQueue[Work | _Done | Exception | None]


class Watch(Protocol):
    """Who wants to know how a run goes."""

    def began(self, step: Step) -> None:
        """The step has begun."""

    def committed(self, step: Step, shard: Shard, *, reused: bool) -> None:
        """A shard is there, computed now or before."""

    def ended(self, step: Step, done: Manifest) -> None:
        """The step is complete."""

    def waiting(self, step: Step, shards: int, seconds: float) -> None:
        """So many shards have been worked on for so long without news."""

    def lost(self, step: Step, cause: str) -> None:
        """A process died; its work is tried again."""


class Silent:
    """A `Watch` that does not look."""

    def began(self, step: Step) -> None:
        """Nothing."""

    def committed(self, step: Step, shard: Shard, *, reused: bool) -> None:
        """Nothing."""

    def ended(self, step: Step, done: Manifest) -> None:
        """Nothing."""

    def waiting(self, step: Step, shards: int, seconds: float) -> None:
        """Nothing."""

    def lost(self, step: Step, cause: str) -> None:
        """Nothing."""


@dataclass(slots=True)
class StageRun:
    """What one step needs to run. `stop` is set when the run is to end early."""

    step: Step
    before: Step | None
    recipe: Recipe
    store: Store
    lease: Lease
    executor: Executor
    watch: Watch
    stop: threading.Event
    cassettes: Cassettes
    meter: Meter
    out: Feed = field(default_factory=Feed)
    _inbox: _Inbox = field(default_factory=queue.SimpleQueue)
    _quarantine: Quarantine = field(default_factory=Quarantine)
    _came: list[Shard] = field(default_factory=list)
    _left: tuple[str, ...] = ()
    _capped: bool = False
    _room: threading.Semaphore = field(default_factory=threading.Semaphore)

    def run(self, upstream: Feed | None) -> Manifest:
        """Commit all shards of the step.

        Raises:
            RunError: too many rows failed, a full disk, a dead engine, another writer.
            Upstream: the step before broke off.
        """
        try:
            self.watch.began(self.step)
            done = self._run(upstream)
        except BaseException:
            self.stop.set()
            self.out.end(broken=True)
            raise
        self.out.end(capped=self._capped)
        self.watch.ended(self.step, done)
        return done

    def _run(self, upstream: Feed | None) -> Manifest:
        ledger = Ledger(self.store.stage(self.step.folder), self.step, self.lease.epoch)
        if ledger.was_complete and self._is_for(ledger, upstream):
            shards = ledger.adopt()
            for shard in shards:
                self.watch.committed(self.step, shard, reused=True)
                self.meter.took(self.step, shard, begun=False)
            self.out.put_all(shards)
            return ledger.complete(ledger.given)
        self._left = tuple(self._journal.names())
        self._room = threading.Semaphore(2 * self.recipe.placement.shards_in_flight)
        threading.Thread(target=self._feed, args=(upstream,), daemon=True).start()
        self._work_off(ledger)
        self._check_limit(ledger, enough=1)
        self._capped |= upstream is not None and upstream.capped
        done = ledger.complete("" if self._capped else digest(self._came))
        if self._left and not self._capped:
            journal.forget(self._journal, set(self._left))
        return done

    def _is_for(self, ledger: Ledger, upstream: Feed | None) -> bool:
        """Whether the complete step was made of what it would be given now."""
        if upstream is None:
            # The fingerprint names the seeds: however they were cut, these are the rows.
            return True
        whole = upstream.whole()
        return whole is not None and digest(whole) == ledger.given

    @property
    def _journal(self) -> Folder:
        return self.store.stage(self.step.folder) / "journal"

    def _feed(self, upstream: Feed | None) -> None:
        """Put work into the inbox, not much more than can be in flight."""
        size = self.recipe.placement.shard_rows
        try:
            for work in Inputs(self.step, self.before, self.store, size).works(upstream):
                while not self._room.acquire(timeout=0.5):
                    if self.stop.is_set():
                        return
                self._inbox.put(work)
            self._came = list(upstream) if upstream is not None else []
        except Exception as error:  # noqa: BLE001  raised again in the step's own thread
            self._inbox.put(error)
        else:
            self._inbox.put(None)

    def _work_off(self, ledger: Ledger) -> None:
        """Submit work as it comes, some at a time, and commit shards as they are done."""
        waiting: deque[Work] = deque()
        running, more = 0, True
        while more or waiting or running:
            done: list[_Done] = []
            for event in self._news(running):
                match event:
                    case Work() as work:
                        if not self._reuse(work, ledger):
                            waiting.append(work)
                    case (Work(), Future()):
                        done.append(event)
                    case None:
                        more = False
            running -= len(done)
            waiting.extendleft(self._settle(done, ledger))
            while waiting and running < self.recipe.placement.shards_in_flight:
                running += self._submit(waiting.popleft())

    def _submit(self, work: Work) -> bool:
        """Have it done, unless the budget is spent: then it is left for another day."""
        rows = sum(given.rows for given in work.inputs)
        # What has a tape was begun before, and is tried again.
        if work.tape is None and not self.meter.begin(self.step, rows):
            self._capped = True
            self._room.release()
            return False
        if isinstance(self.step.stage, PromptStage):
            name = f"{work.inputs[0].index:05}-{uuid4().hex[:12]}.log"
            work = replace(work, tape=Tape(self._journal, name, self._left, self.cassettes))
        future = self.executor.submit(work)
        future.add_done_callback(lambda done: self._inbox.put((work, done)))
        return True

    def _news(self, running: int) -> "list[Work | _Done | None]":
        """All that has come, at least one; raises what the feeder raised."""
        found: list[Work | _Done | None] = []
        quiet = 0.0
        while not found or not self._inbox.empty():
            if self.stop.is_set():
                raise Upstream
            try:
                event = self._inbox.get(timeout=0.5)
            except queue.Empty:
                quiet += 0.5
                if running and quiet % _QUIET_S == 0:
                    self.watch.waiting(self.step, running, quiet)
                continue
            if isinstance(event, Exception):
                raise event
            found.append(event)
        return found

    def _reuse(self, work: Work, ledger: Ledger) -> bool:
        """Whether all shards of `work` are committed already; if so, they count as done."""
        found = [ledger.known(given) for given in work.inputs]
        shards = [shard for shard in found if shard is not None]
        if len(shards) < len(work.inputs):
            return False
        self._room.release()
        for shard in shards:
            ledger.keep(shard)
            self._announce(shard, reused=True)
        return True

    def _settle(self, done: list[_Done], ledger: Ledger) -> list[Work]:
        """Commit what succeeded, all in one version; return what is to be done again."""
        again, shards, journals = [], [], []
        for work, future in done:
            follow_up = self._quarantine.follow_up(work, future)
            if isinstance(future.exception(), Lost):
                self.watch.lost(self.step, str(future.exception()))
            again += follow_up
            made = future.result() if future.exception() is None else []
            if work.tape is not None:
                # Of a shard with failed rows the others' answers are wanted when it is done again.
                open_ = follow_up or work.only is not None or any(s.counts.failed for s in made)
                journals.append((work.tape.name, bool(open_)))
            if future.exception() is None and work.only is None:
                shards += made
                self._room.release()
        if shards:
            ledger.commit(shards)
        for name, kept in journals:
            if kept:
                self._left += (name,)
            else:
                journal.forget(self._journal, {name})
        for shard in shards:
            self._announce(shard, reused=False)
        self._check_limit(ledger)
        return again

    def _announce(self, shard: Shard, *, reused: bool) -> None:
        self.watch.committed(self.step, shard, reused=reused)
        self.meter.took(self.step, shard, begun=not reused)
        self.out.put(shard)

    def _check_limit(self, ledger: Ledger, enough: int = _ENOUGH) -> None:
        limit = self.recipe.limits.failed
        if ledger.rows >= enough and ledger.failed > limit * ledger.rows:
            cause = f"{self.step.name}: {ledger.failed} of {ledger.rows} rows failed ({ledger.why})"
            remedy = "Look at `bowerbird sql 'SELECT reason, detail FROM rejected'`, mend the"
            raise RunError(cause, f"{remedy} cause, or raise `limits.failed` in the recipe.")
