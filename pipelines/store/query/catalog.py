"""DuckDB views over the manifests of one run; made for every query, never the truth.

Views: `dataset` (the last stage's rows), `rejected`, `stages`, `ledger` (what each row's calls
took), `runs`, `costs` (what the runs' rows cost), and one per stage under its step name. User SQL
runs without access to anything but the store's own files.
"""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import xxhash

from pipelines.recipe.money import Price, cost, prices
from pipelines.store import seen
from pipelines.store.files import shards
from pipelines.store.files.folder import Folder
from pipelines.store.log.manifest import File, Manifest
from pipelines.store.query import costs
from pipelines.store.runs import VIEWS, Run, RunStep
from pipelines.store.store import Store
from stages.errors import RunError, UserError

_STAGES = pa.schema(
    [("position", pa.int64()), ("stage", pa.string()), ("use", pa.string())]
    + [(name, pa.int64()) for name in ("rows_in", "annotated", "derived", "dropped", "failed")]
    + [(name, pa.int64()) for name in ("rows_out", "calls", "prompt_tokens", "completion_tokens")]
    + [("cached_tokens", pa.int64()), ("unreadable", pa.int64()), ("seconds", pa.float64())]
    + [("usd", pa.float64())]
    + [("reused", pa.bool_()), ("complete", pa.bool_()), ("fingerprint", pa.string())]
)
_MESSAGES = """
CASE WHEN instruction IS NOT NULL AND response <> ''
THEN [{'role': 'user', 'content': instruction}, {'role': 'assistant', 'content': response}] END
"""
_RUNS = pa.schema(
    [(name, pa.string()) for name in ("run", "recipe", "status", "started", "finished", "error")]
    + [("seed", pa.int64()), ("scheduled", pa.string()), ("content", pa.string())]
)


def open_catalog(store: Store, run: Run, sql: str | None = None) -> duckdb.DuckDBPyConnection:
    """A connection with the views of `run`; with those that `sql` names, if it is given.

    Raises:
        RunError: a shard that is wanted is missing or damaged.
    """
    connection = duckdb.connect(":memory:")
    wanted = _wanted(run, sql)
    if "stages" in wanted:
        lines = [_stage_row(store, run, i) for i in range(len(run.steps))]
        connection.register("stages", _table(lines, _STAGES))
    if "runs" in wanted:
        # Another run's damaged record is for `verify` to tell.
        lines = [_run_row(each) for each in store.all_runs(whole=True)]
        connection.register("runs", _table(lines, _RUNS))
    if "costs" in wanted:
        connection.register("costs", costs.table(store))
    _views(connection, store, run, wanted)
    # DuckDB itself may open no file, not even a shard: what it may read it may also write, and a
    # COPY fits into a query in more ways than its statements' types tell.
    for setting in (
        "temp_directory = ''",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")
    return connection


_BATCH_ROWS = 8192
_ABOUT_ALL = re.compile(r"\b(show|information_schema|duckdb_\w+|pg_catalog|sqlite_master)\b", re.I)


def _wanted(run: Run, sql: str | None) -> set[str]:
    """The views that a query may mean: those whose names are among its words."""
    names = {*VIEWS, *(step.name for step in run.steps)}
    if sql is None or _ABOUT_ALL.search(sql):
        return names
    words = sql.lower()
    return {name for name in names if name.lower() in words}


def _views(connection: duckdb.DuckDBPyConnection, store: Store, run: Run, wanted: set[str]) -> None:
    """Make the views over files that are wanted, which are verified first."""
    rejected, spent = [], []
    last = run.steps[-1]
    for step in run.steps:
        rows = step.name in wanted or (step is last and "dataset" in wanted)
        kinds = (rows, "rejected" in wanted, "ledger" in wanted)
        parts, refused, took = _files(store, run, step, kinds)
        if rows:
            _view(connection, step, parts)
        rejected.append((step.name, refused))
        spent.append((step, took))
    if "rejected" in wanted:
        _reject_view(connection, rejected)
    if "ledger" in wanted:
        _ledger_view(connection, spent, prices(run.source))
    if "dataset" in wanted:
        _dataset_view(connection, run)


def query(store: Store, run: Run, sql: str) -> pa.Table:
    """The result of a user's query.

    Raises:
        UserError: DuckDB refuses it.
    """
    connection = open_catalog(store, run, sql)
    try:
        _only_reads(connection, sql)
        result = connection.sql(sql)
        return result.to_arrow_table() if result is not None else pa.table({})
    except duckdb.Error as error:
        views = "dataset, rejected, stages, ledger, runs, costs, " + ", ".join(
            step.name for step in run.steps
        )
        text = " ".join(str(error).split())
        raise UserError(f"the query failed: {text}", f"The views are: {views}.") from None
    finally:
        connection.close()


@contextmanager
def reading(store: Store, run: Run, sql: str) -> Iterator[pa.RecordBatchReader]:
    """The result of a query of our own, some thousand rows at a time.

    Raises:
        RunError: a shard is missing or damaged.
    """
    with closing(open_catalog(store, run, sql)) as connection:
        yield connection.sql(sql).to_arrow_reader(_BATCH_ROWS)


def _only_reads(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Refuse all but queries, so that nobody takes for done what the settings do not allow."""
    reads = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN, duckdb.StatementType.MULTI}
    for statement in connection.extract_statements(sql):
        if statement.type not in reads:
            raise duckdb.PermissionException(
                f"{statement.type.name} is not a query; only reading is possible"
            )


def _files(
    store: Store, run: Run, step: RunStep, kinds: tuple[bool, bool, bool]
) -> tuple[list[str], ...]:
    """Verified paths of a stage's kept rows, of its rejected ones, and of what its calls took.

    `kinds`: which of the three are wanted.
    """
    if not any(kinds):
        return [], [], []
    folder = store.stage(step.folder)
    found = seen.manifest(store, run, step)
    missing = seen.incomplete(run, step, found)
    if missing:
        cause = f"the manifest of {step.folder} {missing}"
        raise RunError(cause, "`bowerbird repair` rebuilds what it listed.")
    files = [(s.part, s.rejected, s.spent) for s in (found.shards if found else ())]
    return tuple(
        [_path(folder, each[kind]) for each in files if each[kind].name] if is_wanted else []
        for kind, is_wanted in enumerate(kinds)
    )


def _path(folder: Folder, file: File) -> str:
    return str(shards.path(folder, file).resolve())


def _view(connection: duckdb.DuckDBPyConnection, step: RunStep, paths: list[str]) -> None:
    if paths:
        body = f"SELECT {_names(step.columns)} FROM {_read(connection, paths)}"
    else:
        # A step that a failed run never came to has its columns, and no rows.
        nulls = ", ".join(f"NULL::VARCHAR AS {quoted(column)}" for column in step.columns)
        body = f"SELECT {nulls} WHERE false"
    connection.execute(f"CREATE VIEW {quoted(step.name)} AS {body}")


def _read(
    connection: duckdb.DuckDBPyConnection, paths: list[str], schema: pa.Schema | None = None
) -> str:
    """A table of these files, which Arrow reads for DuckDB as it asks for them.

    `schema`: theirs, if older ones lack a column of it.
    """
    import pyarrow.dataset as ds

    name = f"_files_{xxhash.xxh3_64_hexdigest(chr(0).join(paths).encode())}"
    connection.register(name, ds.dataset(paths, schema, format="parquet"))
    return quoted(name)


def _reject_view(
    connection: duckdb.DuckDBPyConnection, rejected: list[tuple[str, list[str]]]
) -> None:
    connection.register("_none", shards.REJECTED.empty_table())
    selects = ["SELECT '' AS stage, * FROM _none"]
    for name, paths in rejected:
        if paths:
            selects.append(
                f"SELECT {quoted_text(name)} AS stage, * FROM {_read(connection, paths)}"
            )
    body = " UNION ALL ".join(selects)
    connection.execute(
        "CREATE VIEW rejected AS SELECT id, stage, fate, reason, detail, "
        f'"row" ->> \'instruction\' AS instruction, parents, "row" FROM ({body})'
    )


def _ledger_view(
    connection: duckdb.DuckDBPyConnection,
    spent: list[tuple[RunStep, list[str]]],
    known: dict[str, Price],
) -> None:
    """A line per row, model and stage; `usd` is null where the recipe has no price."""
    connection.register("_unspent", shards.SPENT.empty_table())
    tokens = "calls, prompt_tokens, cached_tokens, completion_tokens, seconds"
    head = "SELECT '' AS stage, '' AS engine, false AS reused"
    selects = [f"{head}, model, id, {tokens}, NULL::DOUBLE AS usd FROM _unspent"]
    for step, paths in spent:
        if paths:
            files = _read(connection, paths, shards.SPENT)
            for position, name in enumerate(step.asks):
                head = f"SELECT {quoted_text(step.name)}, {quoted_text(name)}, {step.reused}"
                line = f"{head}, model, id, {tokens}, {_usd(known.get(name))} FROM {files}"
                selects.append(f"{line} WHERE coalesce(engine, 0) = {position}")
    connection.execute("CREATE VIEW ledger AS " + " UNION ALL ".join(selects))


def _usd(price: Price | None) -> str:
    if price is None:
        return "NULL::DOUBLE"
    new, cached, completion = price.rates
    sums = f"(prompt_tokens - cached_tokens) * {new!r}::DOUBLE + cached_tokens * {cached!r}::DOUBLE"
    return f"({sums} + completion_tokens * {completion!r}::DOUBLE) / 1e6"


def _dataset_view(connection: duckdb.DuckDBPyConnection, run: Run) -> None:
    """The last stage's rows, with the columns every reader may count on."""
    last = run.steps[-1]
    columns = [quoted(column) for column in last.columns]
    for column in ("instruction", "response"):
        if column not in last.columns:
            columns.append(f"NULL::VARCHAR AS {column}")
    if "messages" not in last.columns:
        columns.append(f"{_MESSAGES} AS messages")
    sql = f"CREATE VIEW dataset AS SELECT {', '.join(columns)} FROM {quoted(last.name)}"
    connection.execute(sql)


def _stage_row(store: Store, run: Run, position: int) -> dict[str, Any]:
    step = run.steps[position]
    found = seen.manifest(store, run, step) or Manifest(step.path, fingerprint="")
    counts, usage = found.counts, found.usage
    usd = cost(prices(run.source), step.asks, found.by_engine)
    return {
        **{"position": position, "stage": step.name, "use": step.path, "rows_in": counts.input},
        **{name: getattr(counts, name) for name in ("annotated", "derived", "dropped", "failed")},
        **msgspec.structs.asdict(usage),
        **{"rows_out": counts.output, "reused": step.reused, "complete": found.complete},
        "fingerprint": found.fingerprint,
        "usd": usd if usage.calls else None,
    }


def _run_row(run: Run) -> dict[str, Any]:
    facts = {name: getattr(run, name) for name in _RUNS.names if name != "run"}
    if not -(2**63) <= run.seed < 2**63:
        facts["seed"] = None  # of a record of before recipes had this bound
    return {"run": run.id, **facts}


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=schema)


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(map(quoted, columns))


def quoted(identifier: str) -> str:
    """A name as SQL takes it, whatever is in it."""
    return '"' + identifier.replace('"', '""') + '"'


def quoted_text(value: str) -> str:
    """A text as SQL takes it, whatever is in it."""
    return "'" + value.replace("'", "''") + "'"
