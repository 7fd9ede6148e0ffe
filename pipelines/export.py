"""A run's dataset in the shapes that its readers want.

`trl-sft`   `messages`, a list of {role, content}, of the rows that have any
`trl-dpo`   `prompt`, `chosen` and `rejected`, each a list of messages (TRL's conversational
            preference format with an explicit prompt), and the two scores where there are any
`trl-grpo`  `prompt`, a list of messages, and `answer`, what is known to be right: what TRL's GRPO
            trainer hands to a reward function; `task_key` for the scorer of `verify.procedural`
`magpie`    the column names of Magpie's published sets, as far as the run has them
`rows`      all columns but the embedding
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.recipe.lookup import nearest
from pipelines.store.query import catalog
from pipelines.store.query.catalog import quoted
from pipelines.store.runs import Run
from pipelines.store.store import Store
from stages.errors import UserError

_PROMPT = "[{'role': 'user', 'content': instruction}] AS prompt"


@dataclass(frozen=True, slots=True)
class Format:
    """`needs`: columns that the dataset must have; `more`: columns that go along where it has them.

    `select`: what is written, in DuckDB's SQL; empty for all columns.
    """

    needs: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    where: str = "true"

    def sql(self, columns: tuple[str, ...]) -> str:
        """The query, of a dataset with these columns."""
        more = (name for name in self.more if name in columns)
        named = (*self.select, *map(quoted, more)) if self.select else tuple(map(quoted, columns))
        return f"SELECT {', '.join(named)} FROM dataset WHERE {self.where}"


FORMATS: Mapping[str, Format] = {
    "trl-sft": Format(
        needs=("instruction", "response"),
        select=("id", "messages"),
        where="messages IS NOT NULL",
    ),
    "trl-dpo": Format(
        needs=("instruction", "chosen", "rejected"),
        select=(
            "id", _PROMPT,
            "[{'role': 'assistant', 'content': chosen}] AS chosen",
            "[{'role': 'assistant', 'content': rejected}] AS rejected",
        ),
        more=("chosen_score", "rejected_score"),
        where="instruction IS NOT NULL AND chosen IS NOT NULL AND rejected IS NOT NULL",
    ),
    "trl-grpo": Format(
        needs=("instruction", "expected"),
        select=("id", _PROMPT, "expected AS answer"),
        more=("task", "task_key"),
        where="instruction IS NOT NULL AND expected IS NOT NULL",
    ),
    "magpie": Format(
        needs=("instruction", "response"),
        select=(
            "id AS uuid", "instruction", "response",
            "[{'from': 'human', 'value': instruction}, {'from': 'gpt', 'value': response}]"
            " AS conversations",
            "length(instruction) AS instruction_length", "length(response) AS response_length",
        ),
        more=(
            "task_category", "difficulty", "input_quality", "quality_explanation", "language",
            "min_neighbor_distance", "repeat_count", "score",
        ),
        where="instruction IS NOT NULL AND response IS NOT NULL",
    ),
    "rows": Format(),
}  # fmt: skip


def export(store: Store, run: Run, form: str, out: Path) -> Path:
    """Write the dataset of `run` into the folder `out`; return the file.

    It is one Parquet file that `datasets.load_dataset(DIR)` finds as the split `train`.

    Raises:
        UserError: no such format, a run without the columns, or a folder with other files.
    """
    with reading(store, run, form) as batches:
        return _write(batches, out)


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
    if form == "trl-sft" and "messages" in run.steps[-1].columns:
        return []  # conversations of its own
    return [column for column in FORMATS[form].needs if column not in run.steps[-1].columns]


def _write(batches: pa.RecordBatchReader, out: Path) -> Path:
    target = out / "data" / "train-00000-of-00001.parquet"
    strangers = [p for p in out.rglob("*") if p.is_file() and p != target] if out.exists() else []
    if strangers:
        # `load_dataset` would read whatever else lies there into the same split.
        raise UserError(f"{out} holds other files ({strangers[0].name})", "Give an empty folder.")
    aside = target.with_suffix(".making")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(aside, batches.schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch)
        aside.replace(target)
    except OSError as error:
        cause = f"cannot write {target} ({error.strerror or error})"
        raise UserError(cause, "Give a folder that can be written to.") from None
    return target
