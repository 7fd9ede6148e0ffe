"""DuckDB views over the manifests of one run; rebuilt for every question, never the truth.

Views: `dataset` (the last stage's rows), `rejected`, `stages`, `runs`, and one per stage under
its step name. User SQL runs without access to anything but the store's own files.
"""

from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from pipelines.store import log, shards
from pipelines.store.folder import Folder
from pipelines.store.manifest import File, Manifest
from pipelines.store.runs import Run, RunStep
from pipelines.store.store import Store
from pipelines.store.verify import incomplete
from stages.errors import RunError, UserError

_STAGES = pa.schema(
    [("position", pa.int64()), ("stage", pa.string()), ("use", pa.string())]
    + [(name, pa.int64()) for name in ("rows_in", "annotated", "derived", "dropped", "failed")]
    + [(name, pa.int64()) for name in ("rows_out", "calls", "prompt_tokens", "completion_tokens")]
    + [("cached_tokens", pa.int64()), ("unreadable", pa.int64()), ("seconds", pa.float64())]
    + [("reused", pa.bool_()), ("complete", pa.bool_()), ("fingerprint", pa.string())]
)
_MESSAGES = """
CASE WHEN instruction IS NOT NULL AND response IS NOT NULL
THEN [{'role': 'user', 'content': instruction}, {'role': 'assistant', 'content': response}] END
"""
_RUNS = pa.schema(
    [(name, pa.string()) for name in ("run", "recipe", "status", "started", "finished", "error")]
    + [("seed", pa.int64()), ("scheduled", pa.string()), ("content", pa.string())]
)


def open_catalog(store: Store, run: Run) -> duckdb.DuckDBPyConnection:
    """A connection with the views of `run`.

    Raises:
        RunError: a shard is missing or damaged.
    """
    connection = duckdb.connect(":memory:")
    connection.register(
        "stages", _table([_stage_row(store, run, i) for i in range(len(run.steps))], _STAGES)
    )
    connection.register("runs", _table([_run_row(r) for r in store.all_runs()], _RUNS))
    rejected, paths = [], []
    for step in run.steps:
        parts, refused = _files(store, run, step)
        paths += parts + refused
        _view(connection, step, parts)
        rejected.append((step.name, refused))
    _reject_view(connection, rejected)
    _dataset_view(connection, run)
    files = ", ".join(map(_text, paths))
    connection.execute(f"SET allowed_paths = [{files}]")
    for setting in ("enable_external_access = false", "lock_configuration = true"):
        connection.execute(f"SET {setting}")
    return connection


def query(store: Store, run: Run, sql: str) -> pa.Table:
    """The result of a user's query.

    Raises:
        UserError: DuckDB refuses it.
    """
    connection = open_catalog(store, run)
    try:
        _only_reads(connection, sql)
        result = connection.sql(sql)
        return result.to_arrow_table() if result is not None else pa.table({})
    except duckdb.Error as error:
        views = "dataset, rejected, stages, runs, " + ", ".join(step.name for step in run.steps)
        text = " ".join(str(error).split())
        raise UserError(f"the query failed: {text}", f"The views are: {views}.") from None
    finally:
        connection.close()


def _only_reads(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Refuse all but queries: DuckDB's own settings would let COPY write into the store."""
    reads = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN, duckdb.StatementType.MULTI}
    for statement in connection.extract_statements(sql):
        if statement.type not in reads:
            raise duckdb.PermissionException(
                f"{statement.type.name} is not a query; only reading is possible"
            )


def _files(store: Store, run: Run, step: RunStep) -> tuple[list[str], list[str]]:
    """Verified paths of a stage's kept and rejected rows."""
    folder = store.stage(step.folder)
    found = log.read(folder)
    missing = incomplete(run, step, found)
    if missing:
        cause = f"the manifest of {step.folder} {missing}"
        raise RunError(cause, "`bowerbird repair` rebuilds what it listed.")
    committed = found.shards if found else ()
    parts = [_path(folder, shard.part) for shard in committed]
    refused = [s.rejected for s in committed if s.rejected.rows]
    return parts, [_path(folder, file) for file in refused]


def _path(folder: Folder, file: File) -> str:
    return str(shards.path(folder, file).resolve())


def _view(connection: duckdb.DuckDBPyConnection, step: RunStep, paths: list[str]) -> None:
    if paths:
        body = f"SELECT {_names(step.columns)} FROM read_parquet([{', '.join(map(_text, paths))}])"
    else:
        # A step that a failed run never came to has its columns, and no rows.
        nulls = ", ".join(f"NULL::VARCHAR AS {_name(column)}" for column in step.columns)
        body = f"SELECT {nulls} WHERE false"
    connection.execute(f"CREATE VIEW {_name(step.name)} AS {body}")


def _reject_view(
    connection: duckdb.DuckDBPyConnection, rejected: list[tuple[str, list[str]]]
) -> None:
    connection.register("_none", shards.REJECTED.empty_table())
    selects = ["SELECT '' AS stage, * FROM _none"]
    for name, paths in rejected:
        if paths:
            files = ", ".join(map(_text, paths))
            selects.append(f"SELECT {_text(name)} AS stage, * FROM read_parquet([{files}])")
    body = " UNION ALL ".join(selects)
    connection.execute(
        "CREATE VIEW rejected AS SELECT id, stage, fate, reason, detail, "
        f'"row" ->> \'instruction\' AS instruction, parents, "row" FROM ({body})'
    )


def _dataset_view(connection: duckdb.DuckDBPyConnection, run: Run) -> None:
    """The last stage's rows, with the columns every reader may count on."""
    last = run.steps[-1]
    columns = [_name(column) for column in last.columns]
    for column in ("instruction", "response"):
        if column not in last.columns:
            columns.append(f"NULL::VARCHAR AS {column}")
    if "messages" not in last.columns:
        columns.append(f"{_MESSAGES} AS messages")
    sql = f"CREATE VIEW dataset AS SELECT {', '.join(columns)} FROM {_name(last.name)}"
    connection.execute(sql)


def _stage_row(store: Store, run: Run, position: int) -> dict[str, Any]:
    step = run.steps[position]
    found = log.read(store.stage(step.folder)) or Manifest(step.path, fingerprint="")
    counts, usage = found.counts, found.usage
    return {
        **{"position": position, "stage": step.name, "use": step.path, "rows_in": counts.input},
        **{name: getattr(counts, name) for name in ("annotated", "derived", "dropped", "failed")},
        **msgspec.structs.asdict(usage),
        **{"rows_out": counts.output, "reused": step.reused, "complete": found.complete},
        "fingerprint": found.fingerprint,
    }


def _run_row(run: Run) -> dict[str, Any]:
    return {"run": run.id, **{name: getattr(run, name) for name in _RUNS.names if name != "run"}}


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=schema)


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(map(_name, columns))


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
