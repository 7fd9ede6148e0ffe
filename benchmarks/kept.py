"""An engine that outlives a run, so that several arms of a benchmark load it once."""

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from pipelines.execution.engines.engine_thread import EngineThread
from stages.ask import Request
from stages.engines.base import Answer, EngineSpec

MODEL = "packaged/qwen2.5-coder-1.5b-instruct"


class Kept(EngineThread):
    """A host with a record of the requests that reached it; `end` frees the engine."""

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self._made = time.monotonic()
        self.requests: list[Request] = []
        self.first_request_s: float | None = None
        """Seconds from when this was made to the first request, the model's loading included."""

    async def complete(self, requests: Sequence[Request]) -> AsyncIterator[Answer]:
        """Pass the requests on."""
        await self.open()
        self.first_request_s = self.first_request_s or time.monotonic() - self._made
        self.requests += requests
        async for answer in super().complete(requests):
            yield answer

    def answers(self, requests: Sequence[Request]) -> list[Answer]:
        """All of them, as they finish."""

        async def collected() -> list[Answer]:
            return [answer async for answer in self.complete(requests)]

        return self.run(collected()).result()

    def tokens(self, request: Request) -> list[int]:
        """The prompt as vLLM gets it."""
        engine: Any = self.run(self.open()).result()
        text, _ = engine._engine._text(request.ask.prompt)
        return list(engine._engine._model.tokens(text))

    def stop(self) -> None:
        """Not yet: the next run uses it too."""

    def close(self) -> None:
        """Not yet either."""

    def end(self) -> None:
        """Free the engine."""
        super().close()
