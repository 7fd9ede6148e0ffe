"""The same rows, the same hash: for any cut, order of completion, restart, engine or tape."""

import pyarrow as pa
import pytest

from pipelines.execution.engines.reply_log import Cassettes, _cassette
from pipelines.execution.executor import LocalExecutor
from pipelines.execution.watch import Silent
from pipelines.recipe.parse import parse
from pipelines.run.execute import execute, run_in_threads
from pipelines.run.job import prepare
from pipelines.store.files.content_hash import content_hash
from pipelines.store.files.folder import LocalFolder
from pipelines.store.store import Store
from stages.engines import scripts
from stages.errors import EngineError, RunError

ROWS = pa.table(
    {
        "id": ["a", "b", "c"],
        "text": ["one", None, ""],
        "vector": pa.array([[1.0, 2.0], [], None], pa.list_(pa.float32())),
        "turns": [[{"role": "user", "content": "x"}], [], None],
        "fine": [True, None, False],
    }
)


def test_where_a_shard_ends_leaves_no_trace():
    whole = content_hash([ROWS], ROWS.schema)
    assert content_hash([ROWS[:1], ROWS[1:1], ROWS[1:]], ROWS.schema) == whole
    assert content_hash([ROWS.slice(0, 2), ROWS.slice(2)], ROWS.schema) == whole


@pytest.mark.parametrize(
    "other",
    [
        ROWS[:2],
        ROWS.take([0, 2, 1]),
        ROWS.rename_columns(["id", "texts", "vector", "turns", "fine"]),
        ROWS.set_column(1, "text", pa.array(["one", "", None])),
        ROWS.set_column(1, "text", pa.array(["on", None, "e"])),
        ROWS.set_column(2, "vector", pa.array([[1.0], [2.0], None], pa.list_(pa.float32()))),
        ROWS.set_column(2, "vector", pa.array([[1.0, 2.0], None, []], pa.list_(pa.float32()))),
        ROWS.set_column(4, "fine", pa.array([True, False, None])),
    ],
)
def test_other_rows_have_another_hash(other):
    assert content_hash([other], other.schema) != content_hash([ROWS], ROWS.schema)


def carried_out(source, folder, root, cassettes=Cassettes()):  # noqa: B008
    job = prepare(parse(source, root), root / "x.yaml", Store.at(folder), cassettes=cassettes)
    executor = LocalExecutor.of(job.recipe)
    return execute(job, executor, Silent(), run_in_threads).content


def late(request):
    """Answers come in an order of their own."""
    import time

    time.sleep(request.seed % 7 / 1000)
    return scripts.babble(request)


@pytest.fixture
def source(small_recipe):
    def make(**placement):
        main = {"kind": "scripted", "script": f"{__name__}:late"}
        placed = {"shard_rows": 4, **placement}
        return small_recipe(engines={"main": main, "embedder": main}, placement=placed)

    return make


def test_one_hash_for_any_workers_and_shards(source, tmp_path, root):
    cuts = [
        {"shard_rows": rows, "engines": {"main": {"replicas": copies}}}
        for rows, copies in [(1, 1), (1, 2), (7, 4), (64, 1), (1000, 2), (None, 1)]
    ]
    found = {
        carried_out(source(**cut), tmp_path / str(number), root) for number, cut in enumerate(cuts)
    }
    assert len(found) == 1
    assert found != {""}


def never(request):
    raise AssertionError("nobody may be asked")


def test_a_cassette_rebuilds_the_dataset_without_a_model(source, tmp_path, root, monkeypatch):
    tape = LocalFolder(tmp_path / "tape")
    first = carried_out(source(), tmp_path / "first", root, Cassettes(record=tape))
    other = source(shard_rows=5)
    with monkeypatch.context() as patch:
        patch.setitem(globals(), "late", never)
        assert carried_out(other, tmp_path / "second", root, Cassettes(replay=tape)) == first
    before = sorted(tape.names())
    again = source()
    again["stages"][4] = {"use": "judge.quality", "min_mass": 0.3}
    with pytest.raises(RunError, match="the cassette has no answer"):
        carried_out(again, tmp_path / "third", root, Cassettes(replay=tape))
    assert sorted(tape.names()) == before
    carried_out(again, tmp_path / "fourth", root, Cassettes(record=tape, replay=tape))
    assert len(tape.names()) > len(before)


def test_the_same_answers_are_the_same_files(source, tmp_path, root):
    for name in ("one", "two"):
        carried_out(source(), tmp_path / name, root, Cassettes(LocalFolder(tmp_path / "tape")))
        if name == "one":
            files = {p.name: p.read_bytes() for p in (tmp_path / "tape").iterdir()}
    assert {p.name: p.read_bytes() for p in (tmp_path / "tape").iterdir()} == files


def refuses_some(request):
    if request.seed % 3 == 0:
        raise EngineError("the prompt is too long")
    return late(request)


def test_a_cassette_replays_refusals_too(small_recipe, tmp_path, root, monkeypatch):
    main = {"kind": "scripted", "script": f"{__name__}:refuses_some"}
    given = small_recipe(engines={"main": main, "embedder": {"kind": "scripted"}},
                         limits={"failed": 0.9})  # fmt: skip
    tape = LocalFolder(tmp_path / "tape")
    first = carried_out(given, tmp_path / "first", root, Cassettes(record=tape))
    with monkeypatch.context() as patch:
        patch.setitem(globals(), "refuses_some", never)
        assert carried_out(given, tmp_path / "second", root, Cassettes(replay=tape)) == first
    # With an engine that no longer refuses, the same cassette is completed.
    with monkeypatch.context() as patch:
        patch.setitem(globals(), "refuses_some", late)
        healed = carried_out(given, tmp_path / "third", root, Cassettes(tape, tape))
        assert healed != first
        patch.setitem(globals(), "refuses_some", never)
        _cassette.cache_clear()  # as in another process
        assert carried_out(given, tmp_path / "fourth", root, Cassettes(replay=tape)) == healed
