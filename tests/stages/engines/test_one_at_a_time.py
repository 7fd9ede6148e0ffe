"""Engines that load models in one process do not get into each other's imports."""

import pytest

from stages.engines import sentence_transformers, vllm, vllm_reward
from stages.engines.model.one_at_a_time import one_at_a_time


@pytest.mark.parametrize(
    ("module", "spec", "engine"),
    [
        (vllm, vllm.Vllm, "VllmEngine"),
        (vllm_reward, vllm_reward.VllmReward, "RewardEngine"),
        (
            sentence_transformers,
            sentence_transformers.SentenceTransformers,
            "SentenceTransformersEngine",
        ),
    ],
)
def test_no_two_models_are_loaded_at_once(monkeypatch, module, spec, engine):
    held = []
    monkeypatch.setattr(module, engine, lambda _spec: held.append(one_at_a_time.locked()))
    monkeypatch.setattr(spec, "check", lambda _self: held.append(one_at_a_time.locked()))
    monkeypatch.setattr(vllm_reward, "_refuse_others", lambda _folder: None)
    monkeypatch.setattr(vllm_reward.weights, "ready", lambda model, _spec: model)
    spec(model="packaged/none").open()
    assert held
    assert all(held)
    assert not one_at_a_time.locked()
