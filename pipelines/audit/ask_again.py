"""Ask a run's judge about other rows, or another judge about the same rows: a run of its own.

It goes into a store of its own within the run's (`audits`), so that nothing is asked twice, its
rows can be queried, and the latest run of a dataset stays the latest.
"""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from pipelines.execution.executor import LocalExecutor
from pipelines.execution.watch import Silent
from pipelines.recipe import foreign
from pipelines.recipe.lookup import class_in
from pipelines.recipe.parse import parse
from pipelines.recipe.validate import validate
from pipelines.run.execute import execute, run_in_threads
from pipelines.run.job import prepare
from pipelines.store.query.catalog import query, quoted
from pipelines.store.runs import Run, RunStep
from pipelines.store.store import Store
from stages.base import Stage
from stages.errors import UserError

_KINDS = {str: "text", bool: "boolean", int: "integer", float: "number", list: "texts"}


@dataclass(frozen=True)
class Judge:
    """A step of a run that judges.

    `engines`: as a recipe has them; without them those of the run's record, where these are
    harmless.
    """

    store: Store
    run: Run
    step: RunStep
    engines: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Those that it had, defaults aside.

        Raises:
            UserError: there is no such stage any more.
        """
        had = self.step.facts["settings"]
        fields = self._kind.model_fields
        usual = {
            name: to_jsonable_python(field.get_default(call_default_factory=True))
            for name, field in fields.items()
            if not field.is_required()
        }
        return {k: v for k, v in had.items() if v is not None and usual.get(k, ...) != v}

    @cached_property
    def _kind(self) -> type[Stage]:
        kind = class_in(f"stages.{self.step.path}", Stage)
        if kind is None:
            raise UserError(f"there is no stage {self.step.path}", "Use the version that made it.")
        return kind

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """The columns it reads, by the stage's own names.

        Raises:
            UserError: the stage has no such settings any more.
        """
        stage = validate(self._kind, self.settings, f"the record of {self.run.id}", {})
        return tuple(name for name in stage.needs if name != "seed")

    def rows(self, most: int) -> list[dict[str, Any]]:
        """The first rows by id that it judged, with what it read: {id, and its own names}."""
        selected = [f"{quoted(self.step.called(name))} AS {quoted(name)}" for name in self.needs]
        sql = f"SELECT id, {', '.join(selected)} FROM {quoted(self.step.name)}"
        found: list[dict[str, Any]] = query(
            self.store, self.run, f"{sql} ORDER BY id LIMIT {most}"
        ).to_pylist()
        return found

    def ask(self, rows: Sequence[Mapping[str, Any]], name: str, changes: Mapping[str, Any]) -> Run:
        """Let it judge `rows`, which have the stage's own names; `changes` are of its settings.

        The run is in the store's `audits`.

        Raises:
            UserError: it cannot be asked so.
            RunError: it broke off; what was answered is kept.
        """
        engine = changes.get("engine", list(self.step.asks))
        names = [engine] if isinstance(engine, str) else list(engine)
        entry = {
            "use": self.step.path,
            "as": self.step.name,
            **self.settings,
            **changes,
            "engine": names if len(names) > 1 else names[0],
        }
        with tempfile.TemporaryDirectory(prefix="bowerbird-audit-") as folder:
            path = Path(folder) / "rows.jsonl"
            # `id` is the new rows' own; the judged row's goes along as `of`.
            given = [
                {"of": row["id"], **{k: v for k, v in row.items() if k != "id"}} for row in rows
            ]
            path.write_text("".join(f"{json.dumps(row)}\n" for row in given), "utf-8")
            first = {"use": "source.rows", "path": str(path), "take": _take(given)}
            engines = {each: self._engine(each) for each in names}
            source = {"name": name, "seed": self.run.seed, "engines": engines}
            recipe = parse({**source, "stages": [first, entry]}, Path(folder))
            job = prepare(recipe, Path(f"{name}.yaml"), self.store.audits)
            return execute(job, LocalExecutor.of(recipe), Silent(), run_in_threads)

    def _engine(self, name: str) -> Any:
        if name in self.engines:
            return self.engines[name]
        recorded = self.run.source["engines"].get(name)
        if recorded is None:
            remedy = "Name a recipe that has it: --recipe RECIPE."
            raise UserError(f"the run {self.run.id} has no engine '{name}'", remedy)
        remedy = "If this store is yours, name the recipe: --recipe RECIPE."
        foreign.check(name, recorded, f"the record of {self.run.id}", remedy)
        return recorded


def _take(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What each column holds, by its first value that is not null."""
    found, empty = dict[str, str](), dict[str, str]()
    for row in rows:
        for column, value in row.items():
            if value not in (None, []) and column not in found:
                found[column] = _kind(value)
            elif value == []:
                empty[column] = "texts"
    return {**empty, **found}


def _kind(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return "messages"
    return _KINDS.get(type(value), "text")
