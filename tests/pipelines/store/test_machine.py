"""A stateful machine against a dictionary: put, commit, crash, take over, gc, compact, read."""

import itertools
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pipelines.store.files.folder import LocalFolder
from pipelines.store.log import log
from pipelines.store.log.log import FencedError, Log
from pipelines.store.log.manifest import File
from pipelines.store.upkeep import gc
from tests.pipelines.store.test_log import shard

KEYS = st.integers(0, 5)


class Crash(BaseException):
    """The process ends here."""


class Mortal:
    """A folder that ends its process at the n-th call."""

    def __init__(self, inner, budget):
        self._inner, self._budget = inner, budget

    def __truediv__(self, name):
        return Mortal(self._inner / name, self._budget)

    def __getattr__(self, name):
        call = getattr(self._inner, name)
        if name == "uri":
            return call

        def counted(*arguments):
            if next(self._budget) <= 0:
                raise Crash
            return call(*arguments)

        return counted


class Store(RuleBasedStateMachine):
    """`model`: what is committed, by index. Writers of lower epochs are gone, but may wake up."""

    def __init__(self):
        super().__init__()
        self._place = TemporaryDirectory()
        self.folder = LocalFolder(Path(self._place.name) / "a.stage-x")
        self.model, self.epoch, self.sleeper = {}, 1, None
        self.numbers = itertools.count()

    def teardown(self):
        self._place.cleanup()

    def made(self, index):
        """A shard of that index whose part is on the disk, under a name of its own."""
        name = f"part-{index}-{next(self.numbers)}"
        self.folder.put(name, name.encode())
        file = File(name, "sha", len(name), 1, name)
        return shard(index).__class__(
            **{f: getattr(shard(index), f) for f in shard(index).__struct_fields__} | {"part": file}
        )

    @rule(index=KEYS)
    def commit(self, index):
        new = self.made(index)
        Log(self.folder).commit(self.epoch, (new,))
        self.model[index] = new.part.name

    @rule(index=KEYS)
    def remove(self, index):
        Log(self.folder).commit(self.epoch, remove=(index,))
        self.model.pop(index, None)

    @rule(index=KEYS, calls=st.integers(0, 12))
    def commit_and_crash(self, index, calls):
        new = self.made(index)
        mortal = Mortal(self.folder, iter(range(calls, -100, -1)))
        before = log.read(self.folder)
        try:
            Log(mortal).commit(self.epoch, (new,))
        except Crash:
            found = log.read(self.folder)
            if found is None or (before is not None and found.version == before.version):
                return  # it never happened
        self.model[index] = new.part.name

    @rule()
    def fall_asleep(self):
        self.sleeper = (self.epoch, Log(self.folder))

    @rule()
    def take_over(self):
        self.epoch += 1
        Log(self.folder).commit(self.epoch)

    @precondition(lambda self: self.sleeper is not None)
    @rule(index=KEYS)
    def wake_up(self, index):
        epoch, opened = self.sleeper
        new = self.made(index)
        try:
            opened.commit(epoch, (new,))
        except FencedError:
            assert epoch < self.epoch
            return
        assert epoch == self.epoch
        self.model[index] = new.part.name

    @rule()
    def collect(self):
        gc.fence(self.folder, self.epoch)
        for each in list(gc.leftovers(self.folder)):
            each.folder.delete(each.name)
        listed = {name for name in self.folder.names() if name.startswith("part")}
        assert listed == set(self.model.values())

    @rule()
    def compact(self):
        opened = Log(self.folder)
        if opened.version:
            opened._snapshot = -1000
            opened._compact()

    @invariant()
    def what_is_read_is_what_was_committed(self):
        found = log.read(self.folder)
        rows = {each.index: each.part.name for each in (found.shards if found else ())}
        assert rows == self.model
        assert all(self.folder.read(name) == name.encode() for name in rows.values())


Store.TestCase.settings = settings(
    max_examples=int(os.environ.get("CHAOS_MACHINE", "100")), stateful_step_count=40, deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
TestStore = Store.TestCase
