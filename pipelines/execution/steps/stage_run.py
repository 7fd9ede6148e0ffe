"""One step from its first shard to its last: reuse what is committed, do the rest, commit it."""

import queue
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from pipelines.execution.engines.reply_log import Tape
from pipelines.execution.shards.quarantine import Quarantine
from pipelines.execution.shards.shard_task import ShardTask
from pipelines.execution.shards.worker_died import WorkerDied
from pipelines.execution.steps.admission import Admission, Admitted
from pipelines.execution.steps.conditions import Conditions
from pipelines.execution.steps.incoming import SPAN, Incoming
from pipelines.execution.steps.shard_stream import ShardStream, UpstreamError
from pipelines.execution.steps.step_commits import StepCommits, digest
from pipelines.execution.steps.tasks import Tasks
from pipelines.plan.steps import RoundCondition, Step
from pipelines.store.files.folder import Folder
from pipelines.store.log import journal
from pipelines.store.log.manifest import Manifest, Shard
from stages.errors import RunError

_ENOUGH = 10
"""Rows of an unfinished stage before its share of failures is held against the limit."""


@dataclass(frozen=True, slots=True)
class _Done:
    """Work that has ended, well or not."""

    let: Admitted
    work: ShardTask
    future: Future[list[Shard]]


class _Spent:
    """What was spent or is under way has changed: a shard that was refused may begin now."""


_Event = ShardTask | Admitted | _Done | _Spent | Exception | None


@dataclass(slots=True)
class StageRun:
    """What one step needs to run. `position`: its place in the plan.

    `incoming`: the shards that come to it, None for a step that makes its own rows; `beside`: by
    the chain's name, what a set stage reads as well; `counted`: of a later round, what the rounds
    before it have added, for each of its conditions.
    """

    step: Step
    position: int
    given: Conditions
    incoming: Incoming | None = None
    beside: Mapping[str, Incoming] = field(default_factory=dict)
    counted: Sequence[Sequence[ShardStream]] = ()
    out: ShardStream = field(default_factory=ShardStream)
    _inbox: "queue.SimpleQueue[_Event]" = field(default_factory=queue.SimpleQueue)
    _quarantine: Quarantine = field(default_factory=Quarantine)
    _came: list[Shard] = field(default_factory=list)
    _left: journal.JournalIndex = field(default_factory=journal.JournalIndex)
    _capped: bool = False
    _room: threading.Semaphore = field(default_factory=threading.Semaphore)
    """For shards that are read and have no place at an engine yet: seeds are rows in memory."""

    @property
    def span(self) -> int:
        """More than any of its shards' indices."""
        return SPAN if self.incoming is None else self.incoming.span

    def run(self) -> Manifest:
        """Commit all shards of the step; none if it is of a round that is not needed.

        Raises:
            RunError: too many rows failed, a full disk, a dead engine, another writer.
            UpstreamError: a step before broke off.
        """
        try:
            if self._is_skipped():
                self.out.end(capped=self._capped, skipped=True)
                return Manifest(self.step.path, self.step.fingerprint)
            self.given.watch.began(self.step)
            done = self._run()
        except BaseException:
            self.given.stop.set()
            self.out.end(broken=True)
            raise
        self.out.end(capped=self._capped)
        self.given.watch.ended(self.step, done)
        return done

    def _is_skipped(self) -> bool:
        """Whether the rounds before it made enough, or were kept short by the budget."""
        if self.step.conditions:
            pairs = zip(self.step.conditions, self.counted, strict=True)
            return all([self._has_enough(each, made) for each, made in pairs])
        return self.incoming is not None and self.step.round > 1 and self.incoming.skipped()

    def _has_enough(self, condition: RoundCondition, made: Sequence[ShardStream]) -> bool:
        if condition.accepted is None:
            return False
        rows = sum(stream.rows() for stream in made)
        capped = any(stream.capped for stream in made)
        self._capped |= capped
        return capped or rows >= condition.accepted

    def _run(self) -> Manifest:
        epoch, as_it_was = self.given.lease.epoch, self.given.as_it_was
        commits = StepCommits(self._folder, self.step, epoch, as_it_was=as_it_was)
        if commits.was_complete and self._is_for(commits):
            shards = commits.adopt()
            for shard in shards:
                self.given.watch.committed(self.step, shard, reused=True)
                self.given.budget.took(self.step, shard, begun=False)
            self.out.put_all(shards)
            return commits.complete(commits.given)
        self._left = journal.JournalIndex(self._journal.names())
        self._room = threading.Semaphore(self.given.executor.width)
        self.given.budget.tell(lambda: self._inbox.put(_Spent()))
        cuts = commits.cuts if self.incoming is None else {}
        size = self.given.shard_rows
        tasks = Tasks(self.step, self._folder, self.incoming, self.beside, size, cuts)
        threading.Thread(target=self._feed, args=(tasks,), daemon=True).start()
        admission = Admission(self.step, self.position, self.given, self._inbox.put)
        self._work_off(commits, admission)
        self._check_limit(commits, enough=1)
        self._capped |= admission.capped or any(each.capped for each in self._read)
        done = commits.complete("" if self._capped else digest(self._came))
        if done.complete:
            self._journal.drop()
        return done

    @property
    def _read(self) -> list[Incoming]:
        """All that comes to it; nothing for a step that makes its own rows."""
        return [] if self.incoming is None else [self.incoming, *self.beside.values()]

    def _is_for(self, commits: StepCommits) -> bool:
        """Whether the complete step was made of what it would be given now."""
        if self.incoming is None:
            # The fingerprint names the seeds: however they were cut, these are the rows.
            return True
        came: list[Shard] = []
        for each in self._read:
            whole = each.whole()
            if whole is None:
                return False
            came += whole
        return digest(came) == commits.given

    @property
    def _folder(self) -> Folder:
        return self.given.store.stage(self.step.folder)

    @property
    def _journal(self) -> Folder:
        return self._folder / "journal"

    def _feed(self, tasks: Tasks) -> None:
        """Put work into the inbox, not much more than can begin."""
        try:
            for work in tasks.works():
                while not self._room.acquire(timeout=0.5):
                    if self.given.stop.is_set():
                        return
                self._inbox.put(work)
            self._came = [shard for each in self._read for shard in each]
        except Exception as error:  # noqa: BLE001  raised again in the step's own thread
            self._inbox.put(error)
        else:
            self._inbox.put(None)

    def _work_off(self, commits: StepCommits, admission: Admission) -> None:
        """Start work as it comes, and commit shards as they are done."""
        more = True
        while more or admission.open:
            done: list[_Done] = []
            for event in self._news():
                match event:
                    case ShardTask() as work if self._reuse(work, commits):
                        self._room.release()
                    case ShardTask() as work:
                        admission.offer(work)
                    case Admitted() as let:
                        self._submit(let)
                    case _Done() as ended:
                        done.append(ended)
                    case None:
                        more = False
            admission.ended(len(done))
            for work in self._settle(done, commits):
                admission.enter(work, fresh=False)
            for _ in range(admission.begin()):
                self._room.release()

    def _submit(self, let: Admitted) -> None:
        work = let.work
        if let.through is not None:
            if let.fresh:
                self._room.release()
            given = work.inputs[0]
            left = self._left.of(given.index, given.rows)
            name = journal.name_of(given.index, given.rows)
            work = replace(work, tape=Tape(self._journal, name, left, self.given.cassettes))

        def heard(rows: int, tokens: int) -> None:
            if let.through is not None:
                let.through.heard(rows)
            self.given.watch.heard(self.step, rows, tokens)

        future = self.given.executor.submit(work, heard)
        future.add_done_callback(lambda done: self._inbox.put(_Done(let, work, done)))

    def _news(self) -> list[_Event]:
        """All that has come, at least one; raises what the feeder raised."""
        found: list[_Event] = []
        while not found or not self._inbox.empty():
            if self.given.stop.is_set():
                raise UpstreamError
            try:
                event = self._inbox.get(timeout=0.5)
            except queue.Empty:
                continue
            if isinstance(event, Exception):
                raise event
            found.append(event)
        return found

    def _reuse(self, work: ShardTask, commits: StepCommits) -> bool:
        """Whether all shards of `work` are committed already; if so, they count as done."""
        found = [commits.known(given) for given in work.inputs]
        shards = [shard for shard in found if shard is not None]
        if len(shards) < len(work.inputs):
            return False
        for shard in shards:
            commits.keep(shard)
            self._announce(shard, reused=True)
        return True

    def _settle(self, done: list[_Done], commits: StepCommits) -> list[ShardTask]:
        """Commit what succeeded, all in one version; return what is to be done again."""
        again: list[ShardTask] = []
        shards: list[Shard] = []
        for ended in done:
            follow_up, made = self._look_at(ended)
            again += follow_up
            shards += made
            if ended.work.tape is not None:
                self._left.add(ended.work.tape.name)
        if shards:
            commits.commit(shards)
        for shard in shards:
            self._announce(shard, reused=False)
        self._check_limit(commits)
        return again

    def _look_at(self, ended: _Done) -> tuple[list[ShardTask], list[Shard]]:
        """What is to be done again, and the shards that were made."""
        if ended.let.through is not None:
            ended.let.through.close()
        error = ended.future.exception()
        follow_up = self._quarantine.follow_up(ended.work, ended.future)
        if isinstance(error, WorkerDied):
            self.given.watch.lost(self.step, str(error))
        if error is not None or ended.work.only is not None:
            return follow_up, []
        if ended.let.through is None:
            self._room.release()
        return follow_up, ended.future.result()

    def _announce(self, shard: Shard, *, reused: bool) -> None:
        self.given.watch.committed(self.step, shard, reused=reused)
        self.given.budget.took(self.step, shard, begun=not reused)
        self.out.put(shard)

    def _check_limit(self, commits: StepCommits, enough: int = _ENOUGH) -> None:
        limit = self.given.recipe.limits.failed
        if commits.rows >= enough and commits.failed > limit * commits.rows:
            cause = (
                f"{self.step.name}: {commits.failed} of {commits.rows} rows failed ({commits.why})"
            )
            remedy = "Look at `bowerbird sql 'SELECT reason, detail FROM rejected'`, fix the"
            raise RunError(cause, f"{remedy} cause, or raise `limits.failed` in the recipe.")
