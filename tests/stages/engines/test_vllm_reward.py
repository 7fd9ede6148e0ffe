"""Reward models by vLLM's pooling, against transformers; the models are tiny and random."""

import pytest

from pipelines.execution.engines.engine_thread import EngineThread
from stages.ask import Ask, Message, Rated, Request, chat
from stages.engines.vllm_reward import VllmReward
from stages.errors import EngineError, UserError
from tests.support.tiny_model import make_model, make_reward_model, rewards

pytestmark = pytest.mark.slow
TALKS = [
    (Message("user", "Name rivers."), Message("assistant", text))
    for text in ("The Nile, the Amazon.", "x", "<|im_end|> is a mark")
]


def ask_all(spec, asks):
    host = EngineThread(spec)

    async def collected():
        requests = [Request(i, ask, 0) for i, ask in enumerate(asks)]
        return {answer.index: answer.outcome async for answer in host.complete(requests)}

    try:
        return host.run(collected()).result()
    finally:
        host.close()


def spec(folder):
    return VllmReward(model=str(folder), max_model_len=256, cpu_kv_cache_gib=1, dtype="float32")


def test_a_conversation_is_rated_as_the_model_does(tmp_path):
    folder = make_reward_model(tmp_path, labels=1)
    asks = [*(Ask(Rated(talk)) for talk in TALKS), Ask(chat("Hi"))]
    replies = ask_all(spec(folder), asks)
    want = rewards(folder, TALKS[:2])
    assert [replies[i].reward for i in range(2)] == pytest.approx(want, abs=1e-3)
    assert len({replies[i].reward for i in range(3)}) == 3
    assert isinstance(replies[3], EngineError)
    assert "rates conversations, and nothing else" in str(replies[3])


@pytest.mark.parametrize(
    ("labels", "cause"),
    [
        (None, "is no reward model: it is Qwen2ForCausalLM"),
        (2, "gives 2 numbers for a conversation"),
        (3, "gives 3 numbers for a conversation"),
    ],
)
def test_another_model_is_refused_before_it_is_loaded(tmp_path, labels, cause):
    folder = make_model(tmp_path) if labels is None else make_reward_model(tmp_path, labels)
    with pytest.raises(UserError, match=cause):
        spec(folder).check()
