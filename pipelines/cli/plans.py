"""What a run will do and take, on a terminal."""

from collections.abc import Sequence

from pipelines.cli.output import say, stdout, table
from pipelines.plan.estimate import Estimate
from pipelines.plan.steps import Step
from pipelines.recipe.money import dollars
from pipelines.run.pilot import Expected


def expected(stages: Sequence[Expected], rows: int, *, rounds: bool) -> None:
    """What each stage of the full run will take, estimated from a pilot of so many rows.

    `rounds`: whether the recipe has more rounds than the one that is estimated.
    """
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
    if rounds:
        say("of rounds the first is counted; how many follow is for the run to find out")
    unknown = [e.name for e in stages if e.rows is None]
    if unknown:
        say(f"no row of the pilot came as far as {', '.join(unknown)}: take more rows")
    unpriced = sorted({e.engine for e in asked if e.usd is None and e.calls})
    if cost and unpriced:
        say(f"without a price: {', '.join(unpriced)}")


def _about(number: float | None) -> str:
    return "?" if number is None else f"{number:,.0f}"


def plan(estimates: Sequence[Estimate]) -> None:
    """What each step costs at most, then what it reads and writes."""
    out = stdout()
    costs = ("stage", "engine", "cached", "rows in ≤", "calls ≤", "tokens ≤")
    rows = [
        (e.step.name, e.engine, e.cached, f"{e.rows:,}", f"{e.calls:,}" if e.engine else "",
         f"{e.tokens:,}" if e.tokens else "")
        for e in estimates if e.step.round == 1
    ]  # fmt: skip
    out.print(table(costs, rows, right=costs[3:]))
    later = [e for e in estimates if e.step.round > 1]
    if later:
        number = max(e.step.round for e in later) - 1
        out.print(f"\n{number} more rounds if they are needed: at most {_sums(later)}")
    out.print(f"\nat most {_sums(estimates)}\n")
    columns = [
        (e.step.name, ", ".join(e.step.renaming.needs), ", ".join(e.step.renaming.adds))
        for e in estimates
        if e.step.round == 1
    ]
    out.print(table(("stage", "needs", "adds"), columns))


def _sums(estimates: Sequence[Estimate]) -> str:
    calls, tokens = sum(e.calls for e in estimates), sum(e.tokens for e in estimates)
    return f"{calls:,} calls, {tokens:,} tokens written"


def explained(steps: Sequence[Step], reasons: Sequence[str]) -> None:
    """Why each step is reused or computed."""
    pairs = list(zip(steps, reasons, strict=True))
    rows = [(s.name, why) for s, why in pairs if s.round == 1 or not why.startswith("computed")]
    if len(rows) < len(pairs):
        rows.append(("later rounds", "computed if they are needed"))
    made = table(("stage", "why"), rows)
    made.columns[0].no_wrap = True
    stdout().print(made)
