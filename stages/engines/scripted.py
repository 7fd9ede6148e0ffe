"""An engine without a model: a deterministic function from prompt to reply.

It makes a recipe run in seconds (`--set engines.main.kind=scripted`), for dry runs, for tests and
for working on a stage. `script` names a function of this package's `scripts` module, or one of
your own as `module:function`.
"""

import importlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import ClassVar, Literal

from typing_extensions import override

from stages.ask import Capability, Reply, Request
from stages.engines import scripts
from stages.engines.base import Answer, Engine, EngineSpec, as_finished
from stages.errors import UserError

Script = Callable[[Request], Reply]


class Scripted(EngineSpec):
    """`model` is only a label here; a recipe's own model and other settings may stand."""

    provides: ClassVar[frozenset[Capability]] = frozenset(
        {
            "chat",
            "raw",
            "user_turn",
            "schema",
            "logprobs",
            "samples",
            "embed",
            "given",
            "prefill",
            "reward",
            "tools",
        }
    )
    identity_fields: ClassVar[tuple[str, ...]] = ("kind", "model", "script")
    replaces_any: ClassVar[bool] = True

    kind: Literal["scripted"] = "scripted"
    model: str = "scripted"
    script: str = "babble"

    @override
    def check(self) -> None:
        self.function()

    def function(self) -> Script:
        """The script.

        Raises:
            UserError: there is none of that name.
        """
        module, _, name = self.script.rpartition(":")
        try:
            source = importlib.import_module(module) if module else scripts
            script: Script = getattr(source, name)
        except (ImportError, AttributeError) as error:
            remedy = "Name a function of stages/engines/scripts.py, or give `module:function`."
            raise UserError(f"there is no script '{self.script}' ({error})", remedy) from None
        return script

    @override
    def open(self) -> Engine:
        return ScriptedEngine(self)


class ScriptedEngine:
    """Answers at once."""

    def __init__(self, spec: Scripted) -> None:
        self._script = spec.function()

    async def complete(self, requests: Sequence[Request]) -> AsyncIterator[Answer]:
        """See `Engine`."""
        async for answer in as_finished(requests, self._answer):
            yield answer

    async def _answer(self, request: Request) -> Reply:
        return self._script(request)

    async def close(self) -> None:
        """Nothing is open."""
