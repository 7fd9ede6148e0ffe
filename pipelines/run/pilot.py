"""What a recipe will take, estimated from its first rows: each stage's yield, each row's tokens."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.plan.plan import plan
from pipelines.plan.steps import Step
from pipelines.recipe.money import cost
from pipelines.recipe.parse import Recipe
from pipelines.run.preview import tried
from pipelines.store.log import log
from pipelines.store.log.manifest import Manifest
from stages.base import Stage


@dataclass(frozen=True, slots=True)
class Expected:
    """Of one stage of the full run. None where no row of the pilot came that far."""

    name: str
    engine: str
    rows: float | None
    calls: float | None
    prompt_tokens: float | None
    completion_tokens: float | None
    usd: float | None
    """None also without a price."""


def pilot(recipe: Recipe, recipe_path: Path, rows: int) -> list[Expected]:
    """One estimate per stage, from `rows` rows sent through the whole chain; nothing is kept.

    Of rounds the first is estimated: how many there will be is what the run finds out.

    Raises:
        BowerbirdError: the recipe cannot run, or had to stop.
    """
    found = []
    made: dict[str, float | None] = {}
    full = plan(recipe)
    with tried(recipe, recipe_path, rows) as job:
        for step in (each for each in full if each.round == 1):
            coming = _coming(step, made)
            manifest = log.read(job.store.stage(step.folder)) or Manifest("", "")
            found.append(_expected(recipe, step, manifest, coming))
            made[step.name] = _going_on(manifest, coming, step.stage)
    return found


def _coming(step: Step, made: Mapping[str, float | None]) -> float | None:
    """Rows that come to the step, by what those before it are expected to make."""
    if not step.after:
        return float(step.stage.count_initial_rows())
    parts = [made[name] for name in step.after if name in made]
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _expected(recipe: Recipe, step: Step, manifest: Manifest, coming: float | None) -> Expected:
    there, usage = manifest.counts.input, manifest.usage
    name, engine = step.name, ", ".join(step.engines)
    if coming is None or not there:
        return Expected(name, engine, coming, *(None,) * 4)
    times = coming / there
    took = cost(recipe.prices, list(step.engines), manifest.by_engine)
    usd = took * times if took is not None else None
    calls, prompt, completion = (
        n * times for n in (usage.calls, usage.prompt_tokens, usage.completion_tokens)
    )
    return Expected(name, engine, coming, calls, prompt, completion, usd)


def _going_on(manifest: Manifest, coming: float | None, stage: Stage) -> float | None:
    counts = manifest.counts
    if coming is None or not counts.input:
        return None
    # A selection takes so many rows, whatever share of the pilot's that was.
    return min(coming * counts.output / counts.input, float(stage.max_rows(round(coming))))
