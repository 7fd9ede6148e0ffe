"""What a model on a CPU computes with; what the user has set stays."""

import os

import pytest

from pipelines.execution.on_ray.engine import EngineActor
from stages.engines.model.threads import model_threads, openmp
from stages.engines.model.vllm_model import NOT_BOUND, ONE_PROCESS, _executor
from stages.engines.scripted import Scripted
from stages.engines.vllm import Vllm

BIND = "VLLM_CPU_OMP_THREADS_BIND"


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 2), (3, 2), (16, 15)])
def test_all_cores_but_one_and_both_of_two(monkeypatch, cores, threads):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(cores)))
    assert model_threads() == threads
    assert openmp()["OMP_NUM_THREADS"] == str(threads)


@pytest.mark.parametrize(("set_by_user", "expected"), [("1", "1"), (None, str(model_threads()))])
def test_on_ray_too_the_users_threads_stay(monkeypatch, set_by_user, expected):
    monkeypatch.setattr(os, "environ", {"OMP_NUM_THREADS": "1"})  # what Ray sets
    EngineActor(Scripted(), set_by_user)
    assert os.environ["OMP_NUM_THREADS"] == expected


@pytest.mark.parametrize(
    ("bound", "gpus", "executor"),
    [(NOT_BOUND, 1, ONE_PROCESS), ("0-1", 1, None), (NOT_BOUND, 2, None)],
)
def test_one_process_unless_split_or_bound_by_the_user(monkeypatch, bound, gpus, executor):
    monkeypatch.setenv(BIND, bound)
    assert _executor(Vllm(model="m").spread(gpus)) == executor
