"""Write a run's dataset in one of the formats."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.export.formats import CONVERSATIONS, FORMATS
from pipelines.recipe.lookup import nearest
from pipelines.store.query import catalog
from pipelines.store.runs import Run
from pipelines.store.store import Store
from stages.errors import UserError


def export(store: Store, run: Run, form: str, out: Path) -> Path:
    """Write the dataset of `run` into the folder `out`; return the file.

    It is one file, Parquet or JSON lines, that `datasets.load_dataset(DIR)` finds as the split
    `train`.

    Raises:
        UserError: no such format, a run without the columns, or a folder with other files.
    """
    with reading(store, run, form) as batches:
        return _write(batches, out, lines=FORMATS[form].lines)


@contextmanager
def reading(store: Store, run: Run, form: str) -> Iterator[pa.RecordBatchReader]:
    """The dataset of `run` in the format `form`, some thousand rows at a time.

    Raises:
        UserError: no such format, or a run without the columns or that is not done.
    """
    if form not in FORMATS:
        raise UserError(f"there is no export format '{form}'", nearest(form, list(FORMATS)))
    if not run.has_dataset:
        raise UserError(
            f"the run {run.id} is {run.status}", "Run its recipe again: what is committed is kept."
        )
    missing = lacking(run, form)
    if missing:
        cause = f"the dataset of {run.id} has no column '{missing[0]}', which {form} needs"
        raise UserError(cause, "Name a run whose recipe adds it, or choose another format.")
    vectors = {step.called("embedding") for step in run.steps}
    columns = tuple(name for name in run.steps[-1].columns if name not in vectors)
    with catalog.reading(store, run, FORMATS[form].sql(columns)) as batches:
        yield batches


def lacking(run: Run, form: str) -> list[str]:
    """Columns that the format needs and the run's dataset does not have."""
    if form in CONVERSATIONS and "messages" in run.steps[-1].columns:
        return []  # conversations of its own
    return [column for column in FORMATS[form].needs if column not in run.steps[-1].columns]


def _write(batches: pa.RecordBatchReader, out: Path, *, lines: bool) -> Path:
    kind = "jsonl" if lines else "parquet"
    target = out / "data" / f"train-00000-of-00001.{kind}"
    strangers = [p for p in out.rglob("*") if p.is_file() and p != target] if out.exists() else []
    if strangers:
        # `load_dataset` would read whatever else lies there into the same split.
        raise UserError(f"{out} holds other files ({strangers[0].name})", "Give an empty folder.")
    aside = target.with_suffix(".making")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_lines(batches, aside) if lines else _write_parquet(batches, aside)
        aside.replace(target)
    except OSError as error:
        cause = f"cannot write {target} ({error.strerror or error})"
        raise UserError(cause, "Give a folder that can be written to.") from None
    return target


def _write_parquet(batches: pa.RecordBatchReader, path: Path) -> None:
    with pq.ParquetWriter(path, batches.schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_lines(batches: pa.RecordBatchReader, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for batch in batches:
            file.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in batch.to_pylist())
