"""Ray gives a node 30 s to start and then gives up: on a busy machine it is started again."""

import pytest

from pipelines.execution.on_ray import cluster
from stages.errors import UserError

SLOW = "The current node timed out during startup. This could happen because …"


@pytest.fixture
def started(monkeypatch):
    """What `ray.init` does at each call, in order; how often it was called."""

    def make(*outcomes):
        left, calls = list(outcomes), []

        def init(**settings):
            calls.append(settings)
            outcome = left.pop(0)
            if outcome:
                raise Exception(outcome)

        monkeypatch.setattr(cluster.ray, "init", init)
        monkeypatch.setattr(cluster.ray, "shutdown", lambda: None)
        monkeypatch.setattr(cluster.ray, "is_initialized", lambda: False)
        return calls

    return make


def test_a_node_that_timed_out_is_started_again(started):
    calls = started(SLOW, SLOW, None)
    cluster.start_cluster()
    assert len(calls) == 3


def test_five_times_is_enough(started):
    calls = started(*[SLOW] * 5)
    with pytest.raises(UserError, match="Ray does not start"):
        cluster.start_cluster()
    assert len(calls) == 5


def test_what_is_wrong_otherwise_is_said_at_once(started):
    calls = started("no room in the object store")
    with pytest.raises(UserError, match="no room in the object store"):
        cluster.start_cluster()
    assert len(calls) == 1
