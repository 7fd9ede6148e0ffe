"""What a run will take, on a terminal."""

from collections.abc import Sequence

from pipelines.cli.output import say, stdout, table
from pipelines.recipe.money import dollars
from pipelines.run.pilot import Expected


def expected(stages: Sequence[Expected], rows: int) -> None:
    """What each stage of the full run will take, estimated from a pilot of so many rows."""
    out = stdout()
    names = ("stage", "engine", "rows", "calls", "prompt tokens", "tokens written", "usd")
    lines = [
        (e.name, e.engine, _about(e.rows), *([_about(e.calls), _about(e.prompt_tokens),
         _about(e.completion_tokens), dollars(e.usd)] if e.engine else [""] * 4))
        for e in stages
    ]  # fmt: skip
    out.print(table(names, lines, right=names[2:]))
    asked = [e for e in stages if e.engine]
    sums = [sum(getattr(e, n) or 0 for e in asked) for n in ("calls", "completion_tokens", "usd")]
    cost = f", {dollars(sums[2])} dollars" if any(e.usd is not None for e in asked) else ""
    out.print(f"\nabout {sums[0]:,.0f} calls, {sums[1]:,.0f} tokens written{cost}, by {rows} rows")
    unknown = [e.name for e in stages if e.rows is None]
    if unknown:
        say(f"no row of the pilot came as far as {', '.join(unknown)}: take more rows")
    unpriced = sorted({e.engine for e in asked if e.usd is None and e.calls})
    if cost and unpriced:
        say(f"without a price: {', '.join(unpriced)}")


def _about(number: float | None) -> str:
    return "?" if number is None else f"{number:,.0f}"
