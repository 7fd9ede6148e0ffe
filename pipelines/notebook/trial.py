"""Try a stage that is being written on a few rows, before it is a file."""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from typing import Any

import pyarrow as pa

from pipelines.execution.engines.engine_thread import EngineThread
from pipelines.execution.shards import calls
from pipelines.execution.shards.shard_task import decide
from pipelines.recipe import foreign
from pipelines.recipe import parse as recipe
from pipelines.recipe.lookup import nearest
from pipelines.recipe.renaming import SEED
from pipelines.store.runs import Run
from stages.base import Derived, Fate, Kept, MultiCallStage, SetStage, Stage
from stages.engines.base import EngineSpec
from stages.errors import UserError


def trial(stage: Stage, rows: pa.Table, engine: EngineSpec | None, run: Run) -> pa.Table:
    """A row per input row: what the stage read, its fate and reason, and what it added.

    Raises:
        UserError: the rows lack a column, the run has no such engine, or a set stage is given.
    """
    known = (*rows.column_names, SEED)
    missing = [name for name in ("id", *stage.needs) if name not in known]
    if missing:
        remedy = nearest(missing[0], rows.column_names)
        raise UserError(f"the stage needs a column '{missing[0]}'", remedy)
    if "parents" not in rows.column_names:
        none = pa.array([[]] * rows.num_rows, pa.list_(pa.string()))
        rows = rows.append_column("parents", none)
    if SEED in stage.needs and SEED in rows.column_names:
        rows = rows.drop_columns(SEED)  # it is drawn, whatever a query says
    fates = _fates(stage, rows, engine, run)
    lines = [_line(fate) for fate in fates]
    table = rows.select([name for name in stage.needs if name not in (*stage.adds, SEED)])
    for name in dict.fromkeys(key for line in lines for key in line):
        column = pa.array([line.get(name) for line in lines], stage.adds.get(name))
        table = table.append_column(name, column)
    return table


def _fates(stage: Stage, rows: pa.Table, engine: EngineSpec | None, run: Run) -> Sequence[Fate]:
    if isinstance(stage, SetStage):
        remedy = "Call its `run` on a reader of your own, as tests/stages/dedup/test_exact.py does."
        raise UserError("a set stage works on all rows of a run, not on a few", remedy)
    if not isinstance(stage, MultiCallStage):
        return decide(stage, "trial", rows)
    with ExitStack() as opened:
        hosts = {
            name: opened.enter_context(closing(EngineThread(engine or _engine_of(run, name))))
            for name in stage.engines
        }
        first = next(iter(hosts.values()))
        return first.run(calls.run(stage, "trial", rows, hosts)).result()[0]


def _engine_of(run: Run, name: str) -> EngineSpec:
    specs = run.source["engines"]
    if name not in specs:
        raise UserError(f"the run {run.id} has no engine '{name}'", nearest(name, list(specs)))
    remedy = "If this store is yours, give the engine: `try_stage(stage, query, engine=…)`."
    foreign.check(name, specs[name], f"the record of {run.id}", remedy)
    return recipe.engine(name, specs[name])


def _line(fate: Fate) -> dict[str, Any]:
    kind = {"fate": type(fate).__name__.lower()}
    match fate:
        case Kept(columns):
            return kind | {"reason": None} | dict(columns)
        case Derived(rows):
            return kind | {"reason": None, "rows": [dict(row) for row in rows]}
        case _:
            return kind | {"reason": f"{fate.reason} {fate.detail}".strip()}
