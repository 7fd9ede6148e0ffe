"""Fates become tables: the rows that go on, the rows that do not, and counts that add up."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipelines.plan.steps import Step
from pipelines.store.files.shards import REJECTED
from pipelines.store.log.manifest import Counts
from stages.base import Derived, Dropped, Failed, Fate, Kept, Row
from stages.errors import RunError


@dataclass(frozen=True, slots=True)
class Settled:
    """One shard's outcome: `rows` in the step's schema, `rejected` in the store's."""

    rows: pa.Table
    rejected: pa.Table
    counts: Counts
    reasons: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Out:
    """A row that goes on: which input row it comes of, what changed, who it is."""

    source: int
    changes: Row
    id: str
    parents: list[str]


def settle(step: Step, table: pa.Table, fates: Sequence[Fate]) -> Settled:
    """Carry out one fate per row of `table`, in its order.

    Raises:
        RunError: the number of fates is not the number of rows.
    """
    if len(fates) != table.num_rows:
        cause = f"{step.name} gave {len(fates)} fates for {table.num_rows} rows"
        raise RunError(cause, "This is a bug of the stage.")
    if not step.stage.derives and any(isinstance(fate, Derived) for fate in fates):
        raise RunError(f"{step.name} made new rows", "A stage that may must say so: `derives`.")
    fates = [step.renaming.fate(fate) for fate in fates]
    ids, parents = table["id"].to_pylist(), table["parents"].to_pylist()
    out: list[_Out] = []
    refused: list[tuple[int, Dropped | Failed]] = []
    for i, fate in enumerate(fates):
        match fate:
            case Kept(columns):
                out.append(_Out(i, columns, ids[i], parents[i]))
            case Derived(rows, parent):
                if parent is not None:
                    out.append(_Out(i, parent, ids[i], parents[i]))
                out += [_child(step, i, ids[i], n, row) for n, row in enumerate(rows)]
            case _:
                refused.append((i, fate))
    reasons = Counter(fate.reason for _, fate in refused)
    rows = _table(step, table, out)
    return Settled(rows, _rejected(table, refused), _counts(fates), dict(reasons))


def row_id(*facts: object) -> str:
    """32 hex digits that stand for `facts`."""
    return hashlib.sha256("\x1f".join(map(str, facts)).encode()).hexdigest()[:32]


def _child(step: Step, source: int, parent: str, number: int, row: Row) -> _Out:
    changes = {name: value for name, value in row.items() if name != "parents"}
    parents = list(row.get("parents") or ())
    if not parents:
        return _Out(source, changes, row_id(step.fingerprint, parent, number), [parent])
    # Other fates may name the same parents: only whose fate it is makes the id the child's own.
    own = row_id(step.fingerprint, "of", parent, number, *parents)
    return _Out(source, changes, own, parents)


def _counts(fates: Sequence[Fate]) -> Counts:
    kinds = Counter(type(fate) for fate in fates)
    derived = [fate for fate in fates if isinstance(fate, Derived)]
    return Counts(
        input=len(fates),
        annotated=kinds[Kept],
        parents=kinds[Derived],
        parents_kept=sum(fate.parent is not None for fate in derived),
        derived=sum(len(fate.rows) for fate in derived),
        dropped=kinds[Dropped],
        failed=kinds[Failed],
    )


def _table(step: Step, table: pa.Table, out: list[_Out]) -> pa.Table:
    """Columns the stage adds are built from Python values, all others are taken as they are."""
    unknown = {name for row in out for name in row.changes} - set(step.renaming.adds)
    if unknown:
        cause = f"{step.name} wrote columns it does not add: {', '.join(sorted(unknown))}"
        raise RunError(cause, "This is a bug of the stage.")
    sources = pa.array([row.source for row in out], pa.int64())
    columns, adds = [], step.renaming.adds
    for field in step.schema:
        if field.name == "id":
            columns.append(pa.array([row.id for row in out], field.type))
        elif field.name == "parents":
            columns.append(pa.array([row.parents for row in out], field.type))
        elif field.name in adds:
            columns.append(_added(step, table, field, out))
        else:
            columns.append(table[field.name].take(sources).cast(field.type))
    return pa.table(columns, schema=step.schema)


def _added(step: Step, table: pa.Table, field: pa.Field, out: list[_Out]) -> pa.Array:
    before = table[field.name].to_pylist() if field.name in table.column_names else None
    values = [
        row.changes.get(field.name, before[row.source] if before is not None else None)
        for row in out
    ]
    try:
        return pa.array(values, field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        cause = f"{step.name} wrote what is no {field.type} into the column '{field.name}'"
        raise RunError(f"{cause} ({error})", "This is a bug of the stage.") from None


def _rejected(table: pa.Table, refused: list[tuple[int, Dropped | Failed]]) -> pa.Table:
    if not refused:
        return REJECTED.empty_table()
    # Embeddings would be most of the file and say nothing to a reader.
    readable = [f.name for f in table.schema if _item_type(f.type) != pa.float32()]
    rows = table.select(readable).take(pa.array([i for i, _ in refused], pa.int64())).to_pylist()
    lines = [_reject(row, fate) for row, (_, fate) in zip(rows, refused, strict=True)]
    return pa.Table.from_pylist(lines, schema=REJECTED)


def _item_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_list(kind) else pa.null()


def _reject(row: dict[str, Any], fate: Dropped | Failed) -> dict[str, Any]:
    columns = {k: v for k, v in row.items() if k not in ("id", "parents")}
    return {
        "id": row["id"],
        "parents": row["parents"],
        "fate": "dropped" if isinstance(fate, Dropped) else "failed",
        "reason": fate.reason,
        "detail": fate.detail,
        "row": json.dumps(columns, ensure_ascii=False, default=str),
    }
