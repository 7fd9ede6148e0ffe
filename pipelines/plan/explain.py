"""Why a stage of a plan is reused or computed: what differs from the last run of its recipe."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.plan.steps import Step, steps_before
from pipelines.store.log import log
from pipelines.store.runs import Run, RunStep
from pipelines.store.store import Store


def explain(recipe: str, steps: Sequence[Step], store: Store) -> list[str]:
    """One sentence per step."""
    past = [run for run in store.all_runs() if run.recipe == recipe and run.steps[0].facts]
    last = past[-1] if past else None
    known = {step.name: step for step in steps}
    return [_why(step, _before(step, known), last, store) for step in steps]


def _before(step: Step, known: Mapping[str, Step]) -> list[Step]:
    """The steps whose rows come to it, or that it reads, directly or not, in the plan's order."""
    names = [*step.after, *itertools.chain.from_iterable(step.reads.values())]
    found = steps_before(names, known)
    return [each for each in known.values() if each.name in found]


def _why(step: Step, before: Sequence[Step], last: Run | None, store: Store) -> str:
    found = log.read(store.stage(step.folder))
    if found is not None and found.complete:
        return "reused: it is complete in the store"
    if found is not None and found.shards:
        return f"goes on: {found.counts.input:,} rows are committed"
    then = _of(step, last)
    if last is None or then is None:
        return "computed: no run of this recipe had it"
    changes = _changes(step.facts, then.facts)
    if changes:
        return "computed: " + ", ".join(changes)
    inherited = [step.facts.get(name) != then.facts.get(name) for name in ("before", "against")]
    if any(inherited) and before:
        return f"computed: {_first_changed(before, last)} before it changed"
    return f"computed: {last.id} did not come to it, or it was deleted since"


def _of(step: Step, run: Run | None) -> RunStep | None:
    return next((s for s in (run.steps if run else ()) if s.name == step.name), None)


def _first_changed(before: Sequence[Step], last: Run) -> str:
    for step in before:
        then = _of(step, last)
        if then is None or then.facts != step.facts:
            return step.name
    return "a stage"


def _changes(now: Mapping[str, Any], then: Mapping[str, Any]) -> list[str]:
    """What differs in the step itself, not in what came before it."""
    found = [
        f"{name} was {_shown(old)}, is {_shown(new)}"
        for name, old, new in _pairs(now["settings"], then["settings"])
    ]
    found += [
        f"the prompt {name} changed" for name, _, _ in _pairs(now["prompts"], then["prompts"])
    ]
    found += [
        f"the engine's {name} was {_shown(old)}, is {_shown(new)}"
        for name, old, new in _pairs(now["engine"] or {}, then["engine"] or {})
    ]
    if now.get("round") != then.get("round"):
        found.append("it is of another round")
    if now.get("engines") != then.get("engines"):
        found.append("its engines are others")
    found += [
        f"its column {name} was called {old or name}, is {new or name}"
        for name, old, new in _pairs(now.get("columns", {}), then.get("columns", {}))
    ]
    found += [f"{name} changed" for name, _, _ in _pairs(now["facts"], then["facts"])]
    for name, text in (("version", "its code decides differently"), ("seed", "the seed changed")):
        if now[name] != then[name]:
            found.append(text)
    return found


def _pairs(now: Mapping[str, Any], then: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    names = dict.fromkeys([*now, *then])
    return [(n, then.get(n), now.get(n)) for n in names if now.get(n) != then.get(n)]


def _shown(value: Any) -> str:
    text = "not set" if value is None else str(value)
    return text if len(text) <= 40 else text[:39] + "…"
