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


def export(store: Store, run: Run, form: str, out: Path) -> list[Path]:
    """Write the dataset of `run` into the folder `out`; return the files.

    It is one file, Parquet or JSON lines, that `datasets.load_dataset(DIR)` finds as the split
    `train`; of a dataset that `annotate.part` has divided a file for each part, as splits.

    Raises:
        UserError: no such format, a run without the columns or rows, or a folder with other files.
    """
    check(run, form)
    fits = FORMATS[form].fits(_columns(run))
    divided = parts(store, run).items()
    among = {name: of for name, of in divided if _count(store, run, f"{fits} AND {of}")}
    if not among:
        cause = f"the dataset of {run.id} has no rows that {form} takes"
        raise UserError(cause, f"`bowerbird status --run {run.id}` says where they were lost.")
    kind = "jsonl" if FORMATS[form].lines else "parquet"
    files = {out / "data" / f"{name}-00000-of-00001.{kind}": where for name, where in among.items()}
    strangers = (
        [p for p in out.rglob("*") if p.is_file() and p not in files] if out.exists() else []
    )
    if strangers:
        # `load_dataset` would read whatever else lies there into the same split.
        raise UserError(f"{out} holds other files ({strangers[0].name})", "Give an empty folder.")
    for file, where in files.items():
        with reading(store, run, form, where) as batches:
            _write(batches, file, lines=FORMATS[form].lines)
    return list(files)


def left_out(store: Store, run: Run, form: str) -> int:
    """Rows of the dataset that lack what the format needs, such as an answer, or are ties."""
    fits = FORMATS[form].fits(_columns(run))
    return _count(store, run, "true") - _count(store, run, fits)


def _count(store: Store, run: Run, where: str) -> int:
    found = catalog.query(store, run, f"SELECT count(*) AS n FROM dataset WHERE {where}")
    return int(found.to_pylist()[0]["n"])


def parts(store: Store, run: Run) -> dict[str, str]:
    """By split, the condition in SQL on its rows; of a dataset of one part it is `train`.

    Raises:
        UserError: rows of it are in no part.
    """
    divided = [step.called("part") for step in run.steps if step.path == "annotate.part"]
    if not divided or divided[-1] not in run.steps[-1].columns:
        return {"train": "true"}
    column = catalog.quoted(divided[-1])
    sql = f"SELECT DISTINCT {column} AS part FROM dataset ORDER BY ALL"
    names = [row["part"] for row in catalog.query(store, run, sql).to_pylist()]
    if None in names and len(names) > 1:
        cause = f"rows of {run.id} are in no part, and others are"
        raise UserError(cause, "Let `annotate.part` divide the rows after all chains are joined.")
    if len(names) < 2:
        return {"train": "true"}
    return {name: f"{column} = {catalog.quoted_text(name)}" for name in names}


@contextmanager
def reading(
    store: Store, run: Run, form: str, among: str = "true"
) -> Iterator[pa.RecordBatchReader]:
    """The dataset of `run` in the format `form`, some thousand rows at a time.

    `among`: a condition on its rows, in SQL.

    Raises:
        UserError: no such format, or a run without the columns or that is not done.
    """
    check(run, form)
    with catalog.reading(store, run, FORMATS[form].sql(_columns(run), among)) as batches:
        yield batches


def check(run: Run, form: str) -> None:
    """Refuse a format that there is not, or that the run has no dataset or columns for.

    Raises:
        UserError: it is so.
    """
    if form not in FORMATS:
        raise UserError(f"there is no export format '{form}'", nearest(form, list(FORMATS)))
    if not run.has_dataset:
        raise UserError(
            f"the run {run.id} is {run.status}",
            "Run its recipe again, or name another run: `bowerbird status` lists them.",
        )
    missing = lacking(run, form)
    if missing:
        cause = f"the dataset of {run.id} has no column '{missing[0]}', which {form} needs"
        raise UserError(cause, "Name a run whose recipe adds it, or choose another format.")


def _columns(run: Run) -> tuple[str, ...]:
    """Those of the dataset but its embeddings."""
    vectors = {step.called("embedding") for step in run.steps}
    return tuple(name for name in run.steps[-1].columns if name not in vectors)


def lacking(run: Run, form: str) -> list[str]:
    """Columns that the format needs and the run's dataset does not have."""
    if form in CONVERSATIONS and "messages" in run.steps[-1].columns:
        return []  # conversations of its own
    return [column for column in FORMATS[form].needs if column not in run.steps[-1].columns]


def _write(batches: pa.RecordBatchReader, target: Path, *, lines: bool) -> None:
    aside = target.with_suffix(".making")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_lines(batches, aside) if lines else _write_parquet(batches, aside)
        aside.replace(target)
    except OSError as error:
        cause = f"cannot write {target} ({error.strerror or error})"
        raise UserError(cause, "Give a folder that can be written to.") from None


def _write_parquet(batches: pa.RecordBatchReader, path: Path) -> None:
    with pq.ParquetWriter(path, batches.schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_lines(batches: pa.RecordBatchReader, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for batch in batches:
            file.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in batch.to_pylist())
