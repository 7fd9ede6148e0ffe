"""The history of a row: where it came from and what each step made of it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from pipelines.store import seen
from pipelines.store.files import marks, shards
from pipelines.store.files.folder import Folder
from pipelines.store.log.manifest import File, Manifest
from pipelines.store.runs import Run
from pipelines.store.store import Store
from stages.errors import UserError


@dataclass(frozen=True, slots=True)
class Event:
    """What a step made of a row.

    `columns`: what it added or changed; for a dropped or failed row, the reason and its detail.
    """

    row_id: str
    stage: str
    fate: str
    columns: dict[str, Any]


def history(store: Store, run: Run, row_id: str) -> list[Event]:
    """Events of the row and of all its ancestors, in the order of the steps.

    Raises:
        UserError: the run has no such row.
    """
    found: dict[str, list[tuple[int, Event]]] = {}
    wanted = [row_id]
    while wanted:
        current = wanted.pop()
        if current not in found:
            found[current], parents = _row(store, run, current)
            wanted += parents
    if not found[row_id]:
        remedy = "`bowerbird sql 'SELECT id FROM dataset'` lists rows; other runs by --run."
        raise UserError(f"the run {run.id} has no row '{row_id}'", remedy)
    events = [event for own in found.values() for event in own]
    # Of one step, what became of the ancestors comes before what became of the row.
    ordered = sorted(events, key=lambda pair: (pair[0], pair[1].row_id == row_id))
    return [event for _, event in ordered]


def _row(store: Store, run: Run, row_id: str) -> tuple[list[tuple[int, Event]], list[str]]:
    events: list[tuple[int, Event]] = []
    parents: list[str] = []
    there: dict[str, dict[str, Any]] = {}
    for position, step in enumerate(run.steps):
        before = next((there[n] for n in run.before(step) if n in there), None)
        if events and before is None:
            continue  # the row did not come here
        found = seen.manifest(store, run, step)
        here, gone = _find(store.stage(step.folder), found, row_id)
        if here is not None:
            fate = _fate(before, here)
            columns = {k: v for k, v in here.items() if (before or {}).get(k) != v}
            events.append((position, Event(row_id, step.name, fate, _shown(columns))))
            parents = parents or list(here["parents"])
            there[step.name] = here
        elif gone is not None:
            facts = {"reason": gone["reason"], "detail": gone["detail"]}
            # A row that ends where it began has no earlier event to show its text.
            facts |= json.loads(gone["row"]) if not there else {}
            events.append((position, Event(row_id, step.name, gone["fate"], facts)))
            parents = parents or list(gone["parents"])
        elif before is not None and found is not None and found.complete:
            events.append((position, Event(row_id, step.name, "became a parent", {})))
    return events, parents


def _fate(before: dict[str, Any] | None, here: dict[str, Any]) -> str:
    if before is not None:
        return "kept"
    return "derived from " + ", ".join(here["parents"]) if here["parents"] else "made"


def _find(
    folder: Folder, found: Manifest | None, row_id: str
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The row among a step's kept rows, or among its rejected ones."""
    for shard in found.shards if found else ():
        if not marks.may_hold(folder, shard, row_id):
            continue
        for kept, file in ((True, shard.part), (False, shard.rejected)):
            row = _match(folder, file, row_id) if file.rows else None
            if row is not None:
                return (row, None) if kept else (None, row)
    return None, None


def _match(folder: Folder, file: File, row_id: str) -> dict[str, Any] | None:
    table = shards.read(folder, file)
    rows: Iterator[dict[str, Any]] = iter(table.filter(pc.equal(table["id"], row_id)).to_pylist())
    return next(rows, None)


def _shown(columns: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in columns.items()
        if name not in ("id", "parents") and value is not None and not _is_vector(value)
    }


_FEW = 16


def _is_vector(value: Any) -> bool:
    """Whether it is an embedding: a few numbers are for people."""
    return isinstance(value, list) and len(value) > _FEW and isinstance(value[0], float)
