"""vLLM in this process: the asynchronous engine, on GPUs or on a CPU."""

import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar, Literal

from typing_extensions import override

from stages.ask import (
    Capability,
    Chat,
    Given,
    Message,
    Passage,
    Rated,
    Raw,
    Reply,
    Request,
    UserTurn,
)
from stages.engines.base import Answer, Engine, as_finished
from stages.engines.model.one_at_a_time import one_at_a_time
from stages.engines.model.reasoning import parted
from stages.engines.model.vllm_model import VllmModel, VllmSpec, refusals
from stages.engines.model.vllm_requests import reply_of, sampling_params
from stages.errors import EngineError


class Vllm(VllmSpec):
    """`model`: `packaged/<name>`, a local folder, or a hub id."""

    provides: ClassVar[frozenset[Capability]] = frozenset(
        {"chat", "raw", "user_turn", "schema", "pattern", "logprobs", "samples", "given", "prefill"}
    )

    kind: Literal["vllm"] = "vllm"

    @override
    def open(self) -> Engine:
        with one_at_a_time:
            self.check()
            return VllmEngine(self)


class VllmEngine:
    """Writes, and reads what is given. Lives on one event loop."""

    def __init__(self, spec: Vllm) -> None:
        self._model = VllmModel(spec)

    async def complete(self, requests: Sequence[Request]) -> AsyncIterator[Answer]:
        """See `Engine`."""
        async for answer in as_finished(requests, self._answer):
            yield answer

    async def _answer(self, request: Request) -> Reply:
        prompt = request.ask.prompt
        if isinstance(prompt, Given):
            return await self._score(prompt)
        text, stops = self._text(prompt)
        reply = await self._write(request, text, stops)
        return parted(reply, request.ask, text)

    def _text(self, prompt: Chat | Raw | UserTurn | Passage | Rated) -> tuple[str, tuple[str, ...]]:
        """What the model goes on with, and the strings that end the turn."""
        model = self._model
        with refusals():
            match prompt:
                case Raw(text):
                    return text, ()
                case Chat(messages):
                    return model.template.chat(model.control.defused(messages)), ()
                case UserTurn(system, messages):
                    return model.template.user_turn(system, model.control.defused(messages))
        raise EngineError("vllm engines generate text; use an embedder or a reward model")

    async def _write(self, request: Request, text: str, stops: Sequence[str]) -> Reply:
        """What the model writes after `text`, or up to one of `stops`."""
        tokens = self._model.tokens(text)
        stops = (*request.ask.sampling.stop, *stops)
        params = sampling_params(request, stops, self._model.control.ids(stops))
        return reply_of(await self._generate(tokens, params), self._model.name)

    async def _score(self, prompt: Given) -> Reply:
        """The text's own tokens after the conversation's, and how likely each was."""
        from vllm import SamplingParams

        conversation, _ = self._text(Chat(prompt.messages))
        if conversation.rstrip().endswith("<think>"):
            raise EngineError(
                "the model's template begins a thought, of which a text would be part"
            )
        (text,) = self._model.control.defused([Message("assistant", prompt.text)])
        own = self._model.control.encode(text.content)
        if not own:
            raise EngineError("the text to be scored is empty")
        tokens = self._model.tokens(conversation, *own)
        params = SamplingParams(max_tokens=1, temperature=0, prompt_logprobs=0)
        output = await self._generate(tokens, params)
        places = output.prompt_logprobs[-len(own) :]
        given = tuple(place[token].logprob for place, token in zip(places, own, strict=True))
        return Reply(model=self._model.name, prompt_tokens=len(tokens), given=given)

    async def _generate(self, tokens: list[int], params: object) -> Any:
        prompt = {"prompt_token_ids": tokens}
        engine = self._model.engine
        return await self._model.last(engine.generate(prompt, params, uuid.uuid4().hex))

    async def close(self) -> None:
        """Stop the engine's processes."""
        await self._model.close()
