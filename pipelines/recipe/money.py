"""What a recipe says of money: `prices` and `budget`. They decide no row's content.

Plain dataclasses, which pydantic checks in a recipe: a query needs prices and no pydantic, whose
first model takes longer to make (0.2 s) than the query.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Annotated, Any, ClassVar, Protocol

import msgspec
from annotated_types import Ge

from stages.errors import RunError

_STRICT = {"extra": "forbid", "allow_inf_nan": False}


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    __pydantic_config__: ClassVar = _STRICT

    prompt: Annotated[float, Ge(0)] = 0.0
    cached: Annotated[float | None, Ge(0)] = None
    """Of prompt tokens that the engine had computed before; by default they cost as the others."""
    completion: Annotated[float, Ge(0)] = 0.0

    @property
    def rates(self) -> tuple[float, float, float]:
        """For new tokens of prompts, cached ones, and those of replies."""
        cached = self.prompt if self.cached is None else self.cached
        return self.prompt, cached, self.completion

    def usd(self, prompt_tokens: int, cached_tokens: int, completion_tokens: int) -> float:
        """What so many tokens cost; cached ones are among those of the prompt."""
        new, cached, completion = self.rates
        sums = (prompt_tokens - cached_tokens) * new + cached_tokens * cached
        return (sums + completion_tokens * completion) / 1e6


class Tokens(Protocol):
    """What a price is for."""

    @property
    def tokens(self) -> tuple[int, int, int]:
        """Of prompts, cached among them, of replies."""
        ...


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent. None: as much as it takes."""

    __pydantic_config__: ClassVar = _STRICT

    usd: Annotated[float | None, Ge(0)] = None
    tokens: Annotated[int | None, Ge(0)] = None
    """Read and written; an embedder's only if it has a price."""
    minutes: Annotated[float | None, Ge(0)] = None
    """Of this run, from its first step."""


def cost(
    prices: Mapping[str, Price], engines: Sequence[str], usages: Sequence[Tokens]
) -> float | None:
    """What a stage's engines took together; None if none of them has a price."""
    asked = zip(engines, usages, strict=False)
    parts = [prices[name].usd(*usage.tokens) for name, usage in asked if name in prices]
    return sum(parts) if parts else None


def dollars(usd: float | None) -> str:
    """For people: cents of a cent where it is less than a dollar."""
    if usd is None:
        return ""
    return f"{usd:,.4f}" if usd < 1 else f"{usd:,.2f}"


def prices(source: Mapping[str, Any]) -> dict[str, Price]:
    """By the engine's name in a recipe's source."""
    given = source.get("prices") or {}
    try:
        found = msgspec.convert(given, dict[str, Price])
        if not all(isfinite(rate) for price in found.values() for rate in price.rates):
            raise ValueError("a price is not finite")
        return found
    except ValueError:
        cause = "the prices in a run's record are no prices"
        raise RunError(cause, "`bowerbird verify` says which records are damaged.") from None
