"""A reward model by vLLM's pooling: a conversation in, a number out.

For models that give one number for a whole conversation, `…ForSequenceClassification` with one
label; the number is that of its head, before any activation. What a model is stands in its
`config.json`, so that another kind is refused before it is loaded.
"""

import json
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from typing_extensions import override

from stages.ask import Capability, Rated, Reply, Request
from stages.engines.base import Answer, Engine, as_finished
from stages.engines.model import models, weights
from stages.engines.model.one_at_a_time import one_at_a_time
from stages.engines.model.vllm_model import VllmModel, VllmSpec, refusals
from stages.errors import EngineError, UserError


class VllmReward(VllmSpec):
    """`model`: `packaged/<name>`, a local folder, or a hub id."""

    provides: ClassVar[frozenset[Capability]] = frozenset({"reward"})

    kind: Literal["vllm_reward"] = "vllm_reward"

    @override
    def check(self) -> None:
        super().check()
        folder = Path(models.locate(self.model))
        if folder.is_dir():
            _refuse_others(folder)

    @override
    def open(self) -> Engine:
        with one_at_a_time:
            self.check()
            _refuse_others(Path(weights.ready(self.model, self)))
            return RewardEngine(self)


def _refuse_others(folder: Path) -> None:
    """Refuse a model that does not give one number for a conversation.

    Raises:
        UserError: its configuration says that it is of another kind.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    kind = next(iter(config.get("architectures") or ()), "of no known kind")
    # transformers writes neither where a model has its default of two.
    labels = config.get("num_labels") or len(config.get("id2label") or range(2))
    if not kind.endswith("ForSequenceClassification"):
        cause = f"{folder.name} is no reward model: it is {kind}"
    elif labels != 1:
        cause = f"{folder.name} gives {labels} numbers for a conversation, a reward model gives one"
    else:
        return
    raise UserError(cause, "Use a …ForSequenceClassification with one label.")


class RewardEngine:
    """Rates, and writes nothing. Lives on one event loop."""

    def __init__(self, spec: VllmReward) -> None:
        self._model = VllmModel(spec, runner="pooling")

    async def complete(self, requests: Sequence[Request]) -> AsyncIterator[Answer]:
        """See `Engine`."""
        async for answer in as_finished(requests, self._answer):
            yield answer

    async def _answer(self, request: Request) -> Reply:
        from vllm import PoolingParams

        prompt, model = request.ask.prompt, self._model
        if not isinstance(prompt, Rated):
            raise EngineError("a reward model rates conversations, and nothing else")
        with refusals():
            text = model.template.whole(model.control.defused(prompt.messages))
        tokens = model.tokens(text)
        params = PoolingParams(task="classify", use_activation=False)
        asked = model.engine.encode({"prompt_token_ids": tokens}, params, uuid.uuid4().hex)
        (reward,) = (await model.last(asked)).outputs.data.flatten().tolist()
        return Reply(model=model.name, prompt_tokens=len(tokens), reward=reward)

    async def close(self) -> None:
        """Stop the engine's processes."""
        await self._model.close()
