"""Cost against quality over all runs of a store: what became of a dollar, by model and judge."""

from contextlib import suppress
from typing import Any

import pyarrow as pa

from pipelines.recipe.money import cost, prices
from pipelines.store import seen
from pipelines.store.log.manifest import Manifest
from pipelines.store.runs import Run, RunStep
from pipelines.store.store import Store
from stages.errors import RunError

SCHEMA = pa.schema(
    [("run", pa.string()), ("recipe", pa.string()), ("model", pa.string())]
    + [("temperature", pa.float64()), ("judge", pa.string())]
    + [(n, pa.int64()) for n in ("started_with", "accepted", "distinct_rows", "calls", "tokens")]
    + [("usd", pa.float64()), ("rows_per_usd", pa.float64())]
    + [("rows_per_1000_tokens", pa.float64())]
)
"""A line per run. `model` and `temperature` are those of the first stage that writes, `judge` is
the model of the first stage that judges (`scripted` where there was none). `accepted`: rows that
came through everything but dedup and selection; `distinct_rows`: those of them that dedup left,
which the last two columns count. `tokens`: read and written."""


def table(store: Store) -> pa.Table:
    """Of the runs that ended with a dataset. One whose records are damaged is left out."""
    lines = []
    for run in store.all_runs(whole=True):
        if run.has_dataset:
            # `verify` says what is wrong with it.
            with suppress(RunError):
                lines.append(_line(store, run))
    return pa.Table.from_pylist(lines, schema=SCHEMA)


def _line(store: Store, run: Run) -> dict[str, Any]:
    steps = [(step, seen.manifest(store, run, step) or Manifest("", "")) for step in run.steps]
    found = {step.name: manifest for step, manifest in steps}
    writes = next((step for step in run.steps if step.is_for == "generate" and step.engine), None)
    judges = next((step for step in run.steps if step.is_for == "judge"), None)
    usages = [found.usage for _, found in steps]
    tokens = sum(usage.prompt_tokens + usage.completion_tokens for usage in usages)
    usd = _usd(run, steps)
    accepted, distinct = _came_through(run, steps)
    return {
        "run": run.id,
        "recipe": run.recipe,
        "model": _model(writes),
        "temperature": _temperature(writes) if writes else None,
        "judge": _model(judges),
        "started_with": sum(found[s.name].counts.input for s in run.own if not run.before(s)),
        "accepted": accepted,
        "distinct_rows": distinct,
        "calls": sum(usage.calls for usage in usages),
        "tokens": tokens,
        "usd": usd,
        "rows_per_usd": distinct / usd if usd else None,
        "rows_per_1000_tokens": 1000 * distinct / tokens if tokens else None,
    }


def _temperature(step: RunStep) -> float | None:
    found = (step.facts.get("settings") or {}).get("temperature")
    return float(found) if found is not None else None


def _model(step: RunStep | None) -> str | None:
    # A scripted engine bears the name of the model that it stands in for.
    names = [
        "scripted" if engine.get("kind") == "scripted" else str(engine.get("model"))
        for engine in (step.models if step else ())
    ]
    return ", ".join(dict.fromkeys(names)) or None


def _came_through(run: Run, steps: list[tuple[RunStep, Manifest]]) -> tuple[int, int]:
    """Rows that all but dedup and selection let through, and of them those that dedup left.

    What a dedup takes away does not count against acceptance, wherever it stands; where several
    chains or rounds come together, those of all count.
    """
    lost = sum(found.counts.dropped for step, found in steps if step.is_for == "dedup")
    distinct: dict[str, int] = {}
    for step, found in steps:
        before = [distinct[name] for name in run.before(step) if name in distinct]
        passes = step.is_for in ("select", "mix") and before
        distinct[step.name] = sum(before) if passes else found.counts.output
    last = distinct[steps[-1][0].name]
    return last + lost, last


def _usd(run: Run, steps: list[tuple[RunStep, Manifest]]) -> float | None:
    known = prices(run.source)
    costs = [cost(known, step.asks, found.by_engine) for step, found in steps]
    parts = [each for each in costs if each is not None]
    return sum(parts) if parts else None
