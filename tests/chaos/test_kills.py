"""kill -9 at random times; afterwards the dataset is the one that a run in peace makes."""

import multiprocessing
import os

import pytest

from tests.chaos import kills
from tests.chaos.report import note

pytestmark = pytest.mark.slow


def sweep(folder, seed, wanted):
    """In a process of its own, that has no threads to lose at a fork."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(kills.sweep, (folder, seed, wanted))


KILLS = int(os.environ.get("CHAOS_KILLS", "15"))


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_lost_and_nothing_is_paid_twice(tmp_path, seed):
    tally = sweep(tmp_path, seed, -(-KILLS // 5))
    note(f"kill -9 of a run in one process, seed {seed}", tally)
    assert tally.kills >= -(-KILLS // 5)
    assert tally.mismatches == []
    assert tally.bought_twice == 0
    # Four shards of eight rows are in flight in each of the five steps that ask.
    assert tally.extra_calls <= tally.kills * 4 * 5 * 8
    # Vacuity: kills that hit nothing would prove nothing.
    assert tally.marked >= 0.3 * tally.kills
