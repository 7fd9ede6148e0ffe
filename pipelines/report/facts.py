"""What the report says, read from the store by SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import msgspec
import numpy as np

from pipelines.report.reading import is_read, usual
from pipelines.store import audited
from pipelines.store.query.catalog import open_catalog, quoted, quoted_text
from pipelines.store.runs import Run, RunStep
from pipelines.store.store import Store

_MAPPED = 2000
"""Rows on the embedding map, a sample; more would hide each other and take minutes to lay out."""
_DRAWN = 20_000
"""Values in a histogram, a sample; more would change no bar."""
_LISTED = 300
"""Rows in the sample table, half of them rejected ones where there are as many."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Rows as dictionaries, per section; a section without rows is left out.

    `rows`: of the dataset; `started`: those that its sources gave; `texts`: columns that a person
    reads; `dataset`, `judged`, `sample` and `mapped` are of samples where there are very many.
    """

    rows: int
    started: int
    stages: list[dict[str, Any]]
    reasons: list[dict[str, Any]]
    dataset: list[dict[str, Any]]
    judged: list[dict[str, Any]]
    texts: list[str]
    sample: list[dict[str, Any]]
    mapped: list[dict[str, Any]]
    audit: list[dict[str, Any]]


def read_facts(store: Store, run: Run) -> Facts:
    """All of the report's numbers for `run`."""
    connection = open_catalog(store, run)
    try:
        taken = stages(connection)
        sources = {step.name for step in run.own if not run.before(step)}
        return Facts(
            rows=_count(connection) if _done(run) else 0,
            started=sum(stage["rows_in"] for stage in taken if stage["stage"] in sources),
            stages=taken,
            reasons=reasons(connection),
            dataset=_dataset(connection, run) if _done(run) else [],
            judged=judged(connection, run),
            texts=(texts := _texts(connection, run)),
            sample=_sample(connection, run, texts),
            mapped=mapped(connection, run),
            audit=msgspec.to_builtins(audited.read(store, run)),
        )
    finally:
        connection.close()


def stages(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """A row per step: what became of its rows, and what it took."""
    return _rows(connection, "SELECT * FROM stages ORDER BY position")


def reasons(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """{stage, fate, reason, rows} of what did not go on, the most frequent first."""
    sql = "SELECT stage, fate, reason, count(*) AS rows FROM rejected GROUP BY ALL"
    return _rows(connection, f"{sql} ORDER BY rows DESC, stage, reason")


def _dataset(connection: duckdb.DuckDBPyConnection, run: Run) -> list[dict[str, Any]]:
    """What is drawn of each row: the lengths of its texts in characters, its tags."""
    columns = [f"length({name}) AS {name}" for name in ("instruction", "response")]
    tags = ("task_category", "difficulty")
    columns += [name for name in tags if name in run.steps[-1].columns]
    sql = f"SELECT {', '.join(columns)} FROM dataset ORDER BY id LIMIT {_DRAWN}"
    return _rows(connection, sql)


def _count(connection: duckdb.DuckDBPyConnection) -> int:
    return int(_rows(connection, "SELECT count(*) AS n FROM dataset")[0]["n"])


def _done(run: Run) -> bool:
    return run.has_dataset


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    return list(connection.sql(sql).to_arrow_table().to_pylist())


def judged(connection: duckdb.DuckDBPyConnection, run: Run) -> list[dict[str, Any]]:
    """{score} of the first stage that judges, in all rounds: of all rows that were graded."""
    before = {step.name: step.columns for step in run.own}
    judges = [
        step
        for step in run.own
        if step.is_for == "judge"
        and step.called("score") in step.columns
        # Not one that its rows came with.
        and not any(step.called("score") in before[name] for name in run.before(step))
    ]
    if not judges:
        return []
    score = quoted(judges[0].called("score"))
    graded = _all(_alike(judges, "score"), f"id, {score} AS score")
    sql = f"SELECT score FROM ({graded}) WHERE score IS NOT NULL ORDER BY id LIMIT {_DRAWN}"
    return _rows(connection, sql)


def _alike(steps: Sequence[RunStep], column: str) -> list[RunStep]:
    """The first of the steps, and the same stage in other rounds and chains."""
    first = steps[0].path, steps[0].called(column)
    return [step for step in steps if (step.path, step.called(column)) == first]


def _all(steps: Sequence[RunStep], columns: str) -> str:
    """SQL: the rows of all these steps."""
    return " UNION ALL ".join(f"SELECT {columns} FROM {quoted(step.name)}" for step in steps)


_ANSWER = """
coalesce(response, array_to_string(
    list_transform(messages[2:], lambda turn: turn.role || ': ' || turn.content), chr(10) || chr(10)
)) AS response
"""
"""Of a conversation all turns after the first."""


def _texts(connection: duckdb.DuckDBPyConnection, run: Run) -> list[str]:
    """The usual columns; without both a request and an answer the longest texts, three in all."""
    columns = run.steps[-1].columns
    names = usual(columns)
    if not _done(run) or names == ("messages",):
        return ["instruction", "response"]  # which every dataset has, made of conversations too
    if names:
        return list(names)
    kinds = _kinds(connection)
    texts = [n for n, kind in kinds.items() if kind == "VARCHAR" and n in columns and is_read(n)]
    found = [name for name in texts if name in ("instruction", "response")]
    others = [name for name in texts if name not in found]
    if others:
        means = (f"coalesce(avg(length({quoted(n)})), 0) AS {quoted(n)}" for n in others)
        mean = _rows(connection, f"SELECT {', '.join(means)} FROM dataset")[0]
        found += sorted(others, key=mean.__getitem__, reverse=True)[: 3 - len(found)]
    return sorted(found, key=lambda n: (n == "response", n != "instruction", texts.index(n)))


def _kinds(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """DuckDB's type of each column of the dataset."""
    sql = "SELECT column_name AS name, column_type AS kind FROM (DESCRIBE dataset)"
    return {row["name"]: row["kind"] for row in _rows(connection, sql)}


def _sample(
    connection: duckdb.DuckDBPyConnection, run: Run, texts: Sequence[str]
) -> list[dict[str, Any]]:
    told = ", ".join(f'"row" ->> {quoted_text(name)} AS {quoted(name)}' for name in texts)
    rejected = f"SELECT id, fate AS status, stage || ': ' || reason AS why, {told} FROM rejected"
    # Ids are hashes: the first by id are a sample, the same each time.
    by_id = f"ORDER BY id LIMIT {_LISTED}"
    refused = _rows(connection, f"{rejected} {by_id}")
    if not _done(run):
        return refused
    graded = _kinds(connection).get("score") in ("DOUBLE", "BIGINT")
    score = "'score ' || round(score, 2)" if graded else "''"
    shown = (_ANSWER if name == "response" else quoted(name) for name in texts)
    sql = f"SELECT id, 'kept' AS status, {score} AS why, {', '.join(shown)} FROM dataset"
    kept = _rows(connection, f"{sql} {by_id}")
    share = max(_LISTED // 2, _LISTED - len(refused))
    return kept[:share] + refused[: _LISTED - min(share, len(kept))]


def mapped(connection: duckdb.DuckDBPyConnection, run: Run) -> list[dict[str, Any]]:
    """{x, y, status, text} for the rows of the first stage that has embeddings, in all rounds."""
    needed = {"embedding", "instruction"}
    embedded = [step for step in run.own if needed <= set(step.columns)]
    if not embedded or not _done(run):
        return []
    duplicates = ", ".join(quoted_text(s.name) for s in run.steps if s.is_for == "dedup") or "''"
    sql = f"""
    WITH embedded AS ({_all(_alike(embedded, "embedding"), "id, embedding, instruction")}),
    drawn AS (SELECT id FROM embedded ORDER BY id LIMIT {_MAPPED})
    SELECT e.id, e.embedding, e.instruction AS text,
           CASE WHEN e.id IN (SELECT id FROM dataset) THEN 'in the dataset'
                WHEN e.id IN (SELECT id FROM rejected WHERE stage IN ({duplicates}))
                THEN 'duplicate' ELSE 'not chosen' END AS status
    FROM embedded e WHERE e.id IN (SELECT id FROM drawn) ORDER BY e.id
    """
    rows = _rows(connection, sql)
    places = _layout(np.array([row.pop("embedding") for row in rows], dtype=np.float32))
    return [row | {"x": float(x), "y": float(y)} for row, (x, y) in zip(rows, places, strict=True)]


def _layout(vectors: np.ndarray) -> np.ndarray:
    """Two coordinates per row: t-SNE on cosine distance, the same for the same rows."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    if len(vectors) < 8:
        padded = np.zeros((max(len(vectors), 2), vectors.shape[1] if vectors.ndim > 1 else 2))
        padded[: len(vectors)] = vectors if len(vectors) else 0
        return np.asarray(PCA(n_components=2).fit_transform(padded))[: len(vectors)]
    perplexity = min(30.0, (len(vectors) - 1) / 3)
    model = TSNE(2, perplexity=perplexity, metric="cosine", init="random", random_state=0)
    # One thread: a thousand small steps, between which threads would only wait for each other
    # (20 s instead of 0.1 s for 40 rows beside a busy engine).
    with threadpool_limits(1):
        return np.asarray(model.fit_transform(vectors))
