"""What a recipe will take, estimated from its first rows: each stage's yield, each row's tokens."""

from dataclasses import dataclass
from pathlib import Path

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

    Raises:
        BowerbirdError: the recipe cannot run, or had to stop.
    """
    found = []
    coming: float | None = float(recipe.stages[0].stage.count_initial_rows())
    with tried(recipe, recipe_path, rows) as job:
        for step, entry in zip(job.steps, recipe.stages, strict=True):
            stage = entry.stage
            manifest = log.read(job.store.stage(step.folder)) or Manifest("", "")
            found.append(_expected(recipe, step, manifest, coming))
            coming = _going_on(manifest, coming, stage)
    return found


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
