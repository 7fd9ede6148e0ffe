"""A reward model by vLLM's pooling: a conversation in, a number out.

For models that give one number for a whole conversation, `…ForSequenceClassification` with one
label; the number is that of its head, before any activation.
"""

import uuid
from collections.abc import AsyncIterator, Sequence
from typing import ClassVar, Literal

from typing_extensions import override

from stages.ask import Capability, Rated, Reply, Request
from stages.engines.base import Answer, Engine, as_finished
from stages.engines.model.one_at_a_time import one_at_a_time
from stages.engines.model.vllm_model import VllmModel, VllmSpec, refusals
from stages.errors import EngineError


class VllmReward(VllmSpec):
    """`model`: `packaged/<name>`, a local folder, or a hub id."""

    provides: ClassVar[frozenset[Capability]] = frozenset({"reward"})

    kind: Literal["vllm_reward"] = "vllm_reward"

    @override
    def open(self) -> Engine:
        with one_at_a_time:
            self.check()
            return RewardEngine(self)


class RewardEngine:
    """Rates, and writes nothing. Lives on one event loop."""

    def __init__(self, spec: VllmReward) -> None:
        self._model = VllmModel(spec, runner="pooling")
        self._rates = False

    async def complete(self, requests: Sequence[Request]) -> AsyncIterator[Answer]:
        """See `Engine`."""
        async for answer in as_finished(requests, self._answer):
            yield answer

    async def _answer(self, request: Request) -> Reply:
        from vllm import PoolingParams

        prompt, model = request.ask.prompt, self._model
        if not self._rates:
            self._rates = "classify" in await model.engine.get_supported_tasks()
        if not self._rates:
            raise EngineError(f"{model.name} is no model that rates conversations", fatal=True)
        if not isinstance(prompt, Rated):
            raise EngineError("a reward model rates conversations, and nothing else")
        with refusals():
            text = model.template.whole(model.control.defused(prompt.messages))
        tokens = model.tokens(text)
        params = PoolingParams(task="classify", use_activation=False)
        asked = model.engine.encode({"prompt_token_ids": tokens}, params, uuid.uuid4().hex)
        found = (await model.last(asked)).outputs.data.flatten().tolist()
        if len(found) != 1:
            cause = f"{model.name} gives {len(found)} numbers for a conversation"
            raise EngineError(f"{cause}, where a reward model gives one", fatal=True)
        return Reply(model=model.name, prompt_tokens=len(tokens), reward=found[0])

    async def close(self) -> None:
        """Stop the engine's processes."""
        await self._model.close()
