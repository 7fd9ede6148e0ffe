"""kill -9 at random times in the full form: a Prefect flow whose steps work on Ray."""

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.chaos import kills
from tests.chaos.report import note
from tests.support.loopback_ray import Cluster

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("CHAOS_FULL", "4"))


def run(place, seed):
    """One run in this process, as the command does it, on the cluster that is there."""
    import ray

    from pipelines.execution.executor import executor_for
    from pipelines.flows.by_hand import prefect
    from pipelines.run.execute import execute

    store = kills.Store.at(place)
    job = kills.prepare(
        kills.parse(kills.short_recipe(seed), kills.ROOT), Path("chaos.yaml"), store
    )
    # Connected here: processes that fit no runtime environment start in a third of the time.
    ray.init(address=os.environ["CHAOS_RAY"], log_to_driver=False, logging_level="ERROR")
    executor = executor_for(job.recipe, local=False, address=os.environ["CHAOS_RAY"])
    with prefect(job, print) as run_steps:
        return execute(job, executor, kills.Silent(), run_steps).content


def sweep(folder, seed, wanted, environment):
    os.environ |= environment
    import ray  # noqa: F401

    import pipelines.execution.on_ray
    import pipelines.flows.steps  # noqa: F401

    return kills.sweep(folder, seed, wanted, run, by_calls=True)


@pytest.fixture(scope="module")
def prefect(tmp_path_factory):
    """A Prefect server of its own."""
    home = tmp_path_factory.mktemp("prefect")
    environment = os.environ | {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "0"}
    port = kills.free_port()
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1"]
    with subprocess.Popen(
        [*command, "--port", str(port)], env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    ) as server:  # fmt: skip
        url = f"http://127.0.0.1:{port}/api"
        for _ in range(1500):
            try:
                httpx.get(f"{url}/health", timeout=2).raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield {"PREFECT_API_URL": url, "PREFECT_HOME": str(home)}
        server.terminate()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    calls = tmp_path_factory.mktemp("calls") / "calls"
    os.environ["CHAOS_CALLS"] = str(calls)  # the engines' processes inherit it from their node
    made = Cluster()
    yield made.address, calls
    made.close()


def test_nothing_is_lost_when_a_flow_on_ray_is_killed(tmp_path, prefect, cluster):
    address, calls = cluster
    environment = prefect | {"CHAOS_RAY": address, "CHAOS_CALLS": str(calls)}
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        tally = pool.apply(sweep, (tmp_path, 11, KILLS, environment))
    note("kill -9 of a Prefect flow on Ray", tally)
    assert tally.kills >= KILLS
    assert tally.mismatches == []
    assert tally.bought_twice == 0
    # Vacuity: of 100 kills 64 left something half done.
    assert tally.marked >= KILLS // 4
