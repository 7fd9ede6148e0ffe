"""Commits some shards to a store: every call of the commit path in one process.

    python tests/chaos/committer.py STORE

Prints `committed N` when shard N is. Started again, it goes on. What the system refuses is one
line on standard error, and exit code 1.
"""

import os
import sys

import pyarrow as pa

from pipelines.store import lease
from pipelines.store.files import marks, shards
from pipelines.store.log import journal, log
from pipelines.store.log.journal import Journal
from pipelines.store.log.log import Log
from pipelines.store.log.manifest import NO_FILE, Counts, Shard, Usage
from pipelines.store.store import Store
from stages.ask import Reply, Sample
from stages.errors import BowerbirdError

COUNT = 2
FOLDER = "a.stage-0123456789abcdef"


def table(index):
    ids = [f"row-{index}-{n}" for n in range(20)]
    return pa.table({"id": ids, "text": [f"{each} says something" for each in ids]})


def commit(store, held, index):
    folder = store.stage(FOLDER)
    kept = Journal(folder / "journal", f"{index:05}-{held.epoch}.log")
    kept.append([(bytes([index]) * 16, Reply(samples=(Sample("yes"),)))])
    kept.append([(bytes([index + 100]) * 16, Reply(samples=(Sample("no"),)))])
    kept.close()
    rows = table(index)
    file = shards.write(folder, f"part-{index:05}", rows)
    counts = Counts(input=rows.num_rows, annotated=rows.num_rows)
    nothing = NO_FILE
    there = marks.write(folder, index, rows)
    made = Shard(index, str(index), file, nothing, counts, {}, Usage(), marks=there)
    opened = Log(folder, "a.stage", "print")
    opened.commit(held.epoch, (made,), given="all" if index == COUNT - 1 else "")
    journal.forget(folder / "journal", {f"{index:05}-{held.epoch}.log"})
    print(f"committed {index}", flush=True)


def main(place):
    store = Store.at(place)
    with store.writing("committer") as held:
        found = log.read(store.stage(FOLDER))
        done = {each.index for each in found.shards} if found else set()
        for index in range(COUNT):
            if index not in done:
                commit(store, held, index)


if __name__ == "__main__":
    lease._BEAT_S = 3600.0  # one thread, so that the n-th call is the same call each time
    log._SNAPSHOT_AFTER = 1
    try:
        main(sys.argv[1])
    except BowerbirdError as error:
        print(f"error {error.cause}", file=sys.stderr)
        os._exit(1)
