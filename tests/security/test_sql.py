"""A user's SQL reads the run's rows and nothing else on the machine."""

import itertools
from pathlib import Path

import duckdb
import pytest
from msgspec import structs

from pipelines.store.query.catalog import _only_reads, open_catalog, query
from pipelines.store.runs import RunStep
from pipelines.store.upkeep.verify import verify
from stages.errors import UserError

CANARY = "canary-4f1d"
READERS = [
    "read_text('{}')", "read_blob('{}')", "read_csv('{}')", "read_csv_auto('{}')", "sniff_csv('{}')",
    "read_json('{}')", "read_json_auto('{}')", "read_ndjson('{}')", "read_ndjson_objects('{}')",
    "read_json_objects('{}')", "read_parquet('{}')", "parquet_scan('{}')", "parquet_metadata('{}')",
    "parquet_schema('{}')", "parquet_file_metadata('{}')", "parquet_kv_metadata('{}')", "glob('{}')",
    "'{}'", "sqlite_scan('{}', 't')", "read_parquet(['{}'])", "read_duckdb('{}')", "read_xlsx('{}')",
]  # fmt: skip
WRAPS = [
    "SELECT * FROM {}", "WITH x AS (SELECT * FROM {}) SELECT * FROM x", "FROM {}",
    "SELECT (SELECT count(*) FROM {})", "SELECT 1 UNION ALL SELECT count(*) FROM {}",
    "SELECT * FROM dataset WHERE EXISTS (SELECT * FROM {})", "EXPLAIN ANALYZE SELECT * FROM {}",
    "SELECT 1; SELECT * FROM {}", "/* dataset */ SELECT * -- \n FROM {}", "PIVOT {} ON 1",
]  # fmt: skip
STATEMENTS = [
    "COPY (SELECT 1) TO '{}'", "COPY dataset FROM '{}'", "ATTACH '{}'", "ATTACH '{}' AS x (READ_ONLY)",
    "EXPORT DATABASE '{}'", "IMPORT DATABASE '{}'", "INSTALL '{}'", "LOAD '{}'", "FORCE INSTALL '{}'",
    "CREATE TABLE x AS SELECT * FROM '{}'", "CREATE VIEW x AS SELECT * FROM '{}'",
    "CREATE SECRET s (TYPE s3, KEY_ID '{}')", "SET temp_directory = '{}'", "PRAGMA database_list",
    "SET allowed_paths = ['{}']", "SET allowed_directories = ['/']", "RESET enable_external_access",
    "SET enable_external_access = true", "SET lock_configuration = false", "SET home_directory='{}'",
    "PRAGMA enable_profiling", "SET profiling_output = '{}'", "SET log_query_path = '{}'",
    "CALL pragma_version()", "INSERT INTO stages VALUES (1)", "DELETE FROM stages", "DROP VIEW dataset",
    "UPDATE stages SET calls = 0", "ALTER VIEW dataset RENAME TO y", "BEGIN", "COMMIT", "CHECKPOINT",
    "PREPARE p AS SELECT * FROM '{}'", "EXECUTE p", "DEALLOCATE p", "DETACH memory", "USE memory",
    "CREATE MACRO m() AS (SELECT 1)", "CREATE TEMP TABLE t (x INT)", "VACUUM", "SUMMARIZE '{}'",
    "DESCRIBE SELECT * FROM '{}'", "COPY (SELECT 1) TO '{}' (FORMAT parquet)", "SET threads = 1",
    "EXPLAIN ANALYZE COPY (SELECT 666 AS id) TO '{}' (FORMAT parquet, USE_TMP_FILE false)",
    "explain analyze /* SELECT */ COPY (SELECT 1) TO '{}'",
    "WITH x AS (COPY (SELECT 1) TO '{}' (USE_TMP_FILE false)) SELECT 1",
    "WITH x AS MATERIALIZED (COPY (SELECT 1) TO '{}' (USE_TMP_FILE false)) SELECT * FROM x",
    "EXPLAIN ANALYZE WITH x AS (COPY (SELECT 1) TO '{}' (USE_TMP_FILE false)) SELECT * FROM x",
    "explain analyze /* éééééééééééééééééééééééééééééééééééééééééééééééééééé */ "
    "copy (select 1) to '{}' (use_tmp_file false) -- select 1",
    "EXPLAIN (ANALYZE, FORMAT json) COPY (SELECT 1) TO '{}'", "EXPLAIN ANALYZE ATTACH '{}'",
    "SELECT 1; EXPLAIN ANALYZE COPY (SELECT 1) TO '{}'",
    "MERGE INTO stages USING dataset ON true WHEN MATCHED THEN DELETE", "COMMENT ON VIEW dataset IS 'x'",
]  # fmt: skip


@pytest.fixture
def run(run_recipe, small_recipe):
    return run_recipe(small_recipe())


@pytest.fixture
def targets(run, tmp_path):
    _, store = run
    (tmp_path / "secret.csv").write_text(f"a\n{CANARY}\n")
    duckdb.sql(f"COPY (SELECT '{CANARY}' AS a) TO '{tmp_path / 'secret.parquet'}'")
    record = Path(str(store.runs), store.all_runs()[0].id, "run.json")
    shard = str(next(Path(str(store.stages)).rglob("part-*")))
    (tmp_path / ".tmp").mkdir()
    (tmp_path / ".tmp/secret.csv").write_text(f"a\n{CANARY}\n")
    return [
        str(tmp_path / "secret.csv"), str(tmp_path / "secret.parquet"), str(tmp_path / "*"), "/etc/passwd",
        f"{store.root}/../secret.csv", str(record), ".tmp/secret.csv", shard, f"file://{tmp_path}/secret.csv",
        "http://127.0.0.1:9/x.csv", "s3://bucket/x.parquet", "hf://datasets/x/y.csv", "~/.netrc",
        "/proc/self/environ", "/dev/stdin",
    ]  # fmt: skip


def payloads(targets):
    for reader, wrap, target in itertools.product(READERS, WRAPS, targets):
        yield wrap.format(reader.format(target))
    for statement, target in itertools.product(STATEMENTS, targets):
        yield statement.format(target)


def entries(folder):
    return sorted(str(path) for path in folder.rglob("*"))


def test_nothing_outside_is_read_and_nothing_written(run, targets, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = entries(tmp_path)
    connection = open_catalog(run[1], run[0])
    tried = 0
    for sql in payloads(targets):
        tried += 1
        with pytest.raises(duckdb.Error):
            _only_reads(connection, sql)
            result = connection.sql(sql)
            result = result.fetchall() if result is not None else []
            # A pattern that finds nothing because it may look nowhere is no reading.
            assert "glob" in sql, sql
            assert CANARY not in str(result)
            assert not any(str(tmp_path) in str(row) for row in result), sql
            raise duckdb.PermissionException("nothing")
    assert tried >= 1000
    assert entries(tmp_path) == before
    assert verify(run[1]).findings == []
    # Vacuity: the connection works, and without its settings the files are read.
    assert connection.sql("SELECT count(*) FROM dataset").fetchall()[0][0] > 0
    assert CANARY in str(duckdb.sql(f"FROM '{targets[0]}'").fetchall())


def test_the_command_says_so_in_one_line(run, targets):
    for sql in list(payloads(targets))[::97]:
        if "glob" not in sql:
            with pytest.raises(UserError, match="the query failed") as caught:
                query(run[1], run[0], sql)
            assert "\n" not in caught.value.cause


ODD = ['a"b', "c'd", "e; DROP VIEW dataset; --", 'x" FROM (SELECT 1) --', "select", "ü", "a\nb"]


@pytest.mark.parametrize("name", ODD)
def test_names_in_a_record_are_quoted(run, name):
    """Whatever a store from elsewhere calls its steps and columns."""
    record, store = run
    step = RunStep(name=name, path="a.b", folder="nowhere", columns=("id", *ODD))
    hostile = structs.replace(record, status="failed", steps=(*record.steps, step))
    connection = open_catalog(store, hostile)
    found = connection.sql("SELECT * FROM dataset")
    assert found.columns[: len(ODD) + 1] == ["id", *ODD]
    assert found.fetchall() == []
