"""An engine's answers, handed on as they come: to another loop, or into a queue with others."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from stages.engines.base import Answer
from stages.errors import RunError


@dataclass(frozen=True, slots=True)
class Ended:
    """The last of a stream. `error`: what broke it off, if anything did."""

    error: BaseException | None = None


async def forward(answers: AsyncIterator[Answer], put: Callable[[Answer | Ended], object]) -> None:
    """Put every answer, and at last `Ended`: an error is raised where it is taken."""
    try:
        async for answer in answers:
            put(answer)
    except asyncio.CancelledError:
        # One that was cancelled is not read any more; an engine that did so itself is heard of.
        put(Ended(RunError("the engine broke off its answers")))
        raise
    except Exception as error:  # noqa: BLE001  see above
        put(Ended(error))
    else:
        put(Ended())
