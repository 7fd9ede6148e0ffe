"""Embeddings by a sentence-transformers model in this process."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from stages.ask import Capability, Passage, Reply, Request
from stages.engines.base import Answer, Engine, EngineSpec
from stages.engines.model import models, weights
from stages.engines.model.one_at_a_time import one_at_a_time
from stages.engines.model.weights import Weights
from stages.errors import EngineError, first_line


class SentenceTransformers(Weights, EngineSpec):
    """`model`: `packaged/<name>`, a local folder, or a hub id."""

    provides: ClassVar[frozenset[Capability]] = frozenset({"embed"})
    identity_fields: ClassVar[tuple[str, ...]] = ("kind", "model", "revision")

    kind: Literal["sentence_transformers"] = "sentence_transformers"
    batch_size: int = Field(32, gt=0)

    @property
    @override
    def capacity(self) -> int:
        return self.batch_size

    @override
    def identity(self) -> dict[str, Any]:
        return weights.identity(self.model, super().identity())

    @override
    def check(self) -> None:
        weights.check(self.model, self)

    @override
    def open(self) -> Engine:
        with one_at_a_time:
            return SentenceTransformersEngine(self)


class SentenceTransformersEngine:
    """One loaded model."""

    def __init__(self, spec: SentenceTransformers) -> None:
        from sentence_transformers import SentenceTransformer

        self._spec = spec
        path = weights.ready(spec.model, spec)
        trusted = any(name.endswith(".py") for name in spec.trust)
        try:
            self._model: Any = SentenceTransformer(path, trust_remote_code=trusted)
        except (OSError, ValueError, RuntimeError) as error:
            cause = f"sentence-transformers cannot load {spec.model} ({first_line(error)})"
            raise EngineError(cause, fatal=True) from error
        # Torch modules are not safe to call from several threads at once.
        self._lock = threading.Lock()

    async def complete(self, requests: Sequence[Request]) -> AsyncIterator[Answer]:
        """See `Engine`. All passages go in one call, which sorts them by length."""
        passages = {
            r.index: r.ask.prompt.text for r in requests if isinstance(r.ask.prompt, Passage)
        }
        for request in requests:
            if request.index not in passages:
                error = EngineError("an embedder embeds passages and writes no text")
                yield Answer(request.index, error)
        if passages:
            began = time.monotonic()
            vectors, tokens = await asyncio.to_thread(self._encode, list(passages.values()))
            each = (time.monotonic() - began) / len(passages)
            for index, vector, count in zip(passages, vectors, tokens, strict=True):
                model = models.public_name(self._spec.model)
                yield Answer(index, Reply((), vector, model, prompt_tokens=count, seconds=each))

    def _encode(self, texts: list[str]) -> tuple[list[tuple[float, ...]], list[int]]:
        with self._lock:
            vectors = self._model.encode(
                texts, batch_size=self._spec.batch_size, show_progress_bar=False
            )
            tokens = self._model.tokenizer(texts, truncation=True)["input_ids"]
        return [tuple(v) for v in vectors.tolist()], [len(t) for t in tokens]

    async def close(self) -> None:
        """Nothing to free beyond the process."""
