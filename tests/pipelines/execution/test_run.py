"""Whole runs in this process, with the scripted engine."""

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.execution.watch import Silent
from pipelines.store.files.shards import FolderReader
from pipelines.store.log import log
from pipelines.store.log.log import Log
from pipelines.store.query.catalog import query
from stages.ask import Raw, Reply, Sample
from stages.engines import scripts
from stages.errors import BusyError, EngineError, RunError, UserError


class Calls(Silent):
    """Counts shards by whether they were computed."""

    def __init__(self):
        self.fresh, self.reused = Counter(), Counter()

    def committed(self, step, shard, *, reused):
        (self.reused if reused else self.fresh)[step.name] += 1


def dataset(store, run):
    last = store.stage(run.steps[-1].folder)
    reader = FolderReader(last, log.read(last).shards)
    return [row for table in reader.tables() for row in table.to_pylist()]


def manifests(store, run):
    return [log.read(store.stage(step.folder)) for step in run.steps]


def test_a_run_from_nothing_to_a_dataset(run_recipe, small_recipe):
    run, store = run_recipe(small_recipe())
    assert run.status == "done"
    rows = dataset(store, run)
    assert 0 < len(rows) <= 6
    assert all(row["instruction"] and row["response"] for row in rows)
    for found in manifests(store, run):
        assert found.complete
        assert found.counts.add_up()
    ins = [found.counts.input for found in manifests(store, run)]
    outs = [found.counts.output for found in manifests(store, run)]
    assert ins[1:] == outs[:-1]


def test_a_finished_run_is_reused_without_a_call(run_recipe, small_recipe):
    run, store = run_recipe(small_recipe())
    calls = Calls()
    again, _ = run_recipe(small_recipe(), store, calls)
    assert not calls.fresh
    assert again.id != run.id
    assert dataset(store, again) == dataset(store, run)
    assert all(step.reused for step in again.steps)


def test_a_changed_stage_recomputes_itself_and_what_follows(run_recipe, small_recipe):
    _, store = run_recipe(small_recipe())
    source = small_recipe()
    source["stages"][4] = {"use": "judge.quality", "min_mass": 0.3}
    calls = Calls()
    run_recipe(source, store, calls)
    names = ["judge_quality", "annotate_embedding", "dedup_semantic", "select_quality_diversity"]
    assert sorted(calls.fresh) == sorted(names)


@pytest.mark.parametrize("shard_rows", [1, 5, 100])
def test_shard_size_changes_no_row(run_recipe, small_recipe, tmp_path, shard_rows):
    from pipelines.store.store import Store

    run, store = run_recipe(small_recipe())
    other = small_recipe(placement={"shard_rows": shard_rows})
    run2, store2 = run_recipe(other, Store.at(tmp_path / "other"))
    assert dataset(store, run) == dataset(store2, run2)


def test_another_shard_size_on_the_same_store_does_not_mix(run_recipe, small_recipe):
    run, store = run_recipe(small_recipe())
    before = dataset(store, run)
    # A half-done stage that was cut differently: its shards must not be taken for these.
    folder = store.stage(run.steps[0].folder)
    found = log.read(folder)
    Log(folder).commit(1, remove=tuple(shard.index for shard in found.shards[2:]))
    again, _ = run_recipe(small_recipe(placement={"shard_rows": 3}), store)
    assert dataset(store, again) == before


def test_the_same_bytes_twice(run_recipe, small_recipe, tmp_path):
    from pipelines.store.store import Store

    run, store = run_recipe(small_recipe())
    run2, store2 = run_recipe(small_recipe(), Store.at(tmp_path / "other"))
    files = lambda s, r: [  # noqa: E731
        (shard.part.sha256, shard.rejected.sha256) for m in manifests(s, r) for shard in m.shards
    ]
    assert files(store, run) == files(store2, run2)


def test_an_interrupted_run_goes_on_at_the_last_committed_shard(run_recipe, small_recipe):
    class Stops(Silent):
        def __init__(self):
            self.seen = 0

        def committed(self, step, shard, *, reused):
            if step.name == "generate_respond":
                self.seen += 1
                if self.seen == 2:
                    raise RunError("pulled the plug")

    from pipelines.store.store import Store

    whole, reference = run_recipe(small_recipe())
    store = Store.at(reference.root.path.parent / "interrupted")
    with pytest.raises(RunError, match="pulled the plug"):
        run_recipe(small_recipe(), store, Stops())
    assert store.find(None).status == "failed"
    calls = Calls()
    run, _ = run_recipe(small_recipe(), store, calls)
    assert calls.reused["generate_magpie"] == 3
    assert calls.reused["generate_respond"] >= 2
    assert calls.fresh["generate_respond"] == 3 - calls.reused["generate_respond"]
    assert dataset(store, run) == dataset(reference, whole)


def fails_sometimes(request):
    """Refuses a third of all requests, by their seed."""
    if request.seed % 3 == 0:
        raise EngineError("the endpoint said no", retryable=True)
    return scripts.babble(request)


def says_nothing_readable(request):
    """No log-probabilities, no JSON."""
    return Reply(samples=(Sample("Hm."),), model="scripted")


def is_dead(request):
    raise EngineError("the engine is gone", fatal=True)


def breaks(request):
    raise ZeroDivisionError("a bug in the engine")


def injects(request):
    """Row text that looks like a template, like SQL and like the end of a string."""
    if isinstance(request.ask.prompt, Raw):
        return Reply(
            samples=(Sample("{{ 7*7 }} {% raw %} '; DROP VIEW dataset; -- \"\x00 \ud800"),)
        )
    return scripts.babble(request)


def scripted(script):
    return {
        "main": {"kind": "scripted", "script": f"tests.pipelines.execution.test_run:{script}"},
        "embedder": {"kind": "scripted"},
    }


@pytest.fixture(autouse=True)
def _importable(monkeypatch, root):
    # Scripts are named by module; tests are no package, so this file is put in by hand.
    import sys

    monkeypatch.setitem(sys.modules, "tests.pipelines.execution.test_run", sys.modules[__name__])


def test_failed_calls_cost_their_rows_only(run_recipe, small_recipe):
    stages = [{"use": "generate.magpie", "rows": 30}]
    run, store = run_recipe(small_recipe(engines=scripted("fails_sometimes"), stages=stages))
    (found,) = manifests(store, run)
    assert 3 <= found.counts.failed <= 20
    assert found.counts.failed + found.counts.annotated == 30
    table = query(store, run, "SELECT DISTINCT reason, detail FROM rejected")
    assert table.to_pylist() == [
        {"reason": "engine.retries_spent", "detail": "the endpoint said no"}
    ]


def test_too_many_failures_stop_the_run_and_a_mended_engine_asks_them_again(
    run_recipe, small_recipe, monkeypatch
):
    stages = [{"use": "generate.magpie", "rows": 30}]
    source = small_recipe(
        engines=scripted("fails_sometimes"), stages=stages, limits={"failed": 0.05}
    )
    with pytest.raises(RunError, match=r"rows failed \(\d+ engine.retries_spent\)"):
        run_recipe(source)
    monkeypatch.setitem(globals(), "fails_sometimes", scripts.babble)
    run, store = run_recipe(source)
    assert manifests(store, run)[0].counts.failed == 0


@pytest.mark.parametrize(
    ("policy", "counts", "unreadable"),
    [
        ("fail", {"failed": 12}, 12),
        ("drop", {"dropped": 12}, 12),
        ("null", {"annotated": 12}, 12),
        ("retry", {"failed": 12}, 36),
    ],
)
def test_an_unreadable_reply_is_never_a_score(run_recipe, small_recipe, policy, counts, unreadable):
    judge = {"use": "judge.quality", "on_parse_error": policy, "engine": "mute"}
    stages = [*small_recipe()["stages"][:3], judge]
    engines = {
        "main": {"kind": "scripted"},
        "mute": scripted("says_nothing_readable")["main"],
    }
    source = small_recipe(engines=engines, stages=stages, limits={"failed": 1.0})
    run, store = run_recipe(source)
    found = manifests(store, run)[-1]
    assert {name: getattr(found.counts, name) for name in counts} == counts
    assert found.usage.unreadable == unreadable
    if policy == "null":
        assert {row["score"] for row in dataset(store, run)} == {None}


def test_a_dead_engine_stops_the_run_with_its_cause(run_recipe, small_recipe):
    with pytest.raises(RunError, match="the engine is gone"):
        run_recipe(small_recipe(engines=scripted("is_dead")))


def test_a_bug_in_an_engine_is_not_swallowed(run_recipe, small_recipe):
    with pytest.raises(ZeroDivisionError):
        run_recipe(small_recipe(engines=scripted("breaks")))


def test_row_text_is_data(run_recipe, small_recipe):
    stages = [
        {"use": "generate.magpie", "rows": 2, "pre_query": "x"},
        {"use": "generate.respond"},
        {"use": "judge.quality"},
    ]
    run, store = run_recipe(small_recipe(engines=scripted("injects"), stages=stages))
    expected = "{{ 7*7 }} {% raw %} '; DROP VIEW dataset; -- \"\x00 \ufffd"
    assert [row["instruction"] for row in dataset(store, run)] == [expected] * 2


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (None, "there is no file"),
        ("{", "line 1 is not JSON"),
        ("[1]", "line 1 is a JSON list"),
        ('{"text": "Name three rivers."}', "row 1 lacks the text 'instruction' (it has: text)"),
        ('{"instruction": 3}', "row 1 has a int for the text 'instruction'"),
    ],
)
def test_a_row_file_that_is_not_what_it_says(run_recipe, small_recipe, tmp_path, content, cause):
    path = tmp_path / "rows.jsonl"
    if content is not None:
        path.write_text(content)
    stages = [{"use": "source.instructions", "path": str(path)}]
    with pytest.raises(UserError) as caught:
        run_recipe(small_recipe(stages=stages))
    assert cause in caught.value.cause


def test_a_parquet_file_that_is_none(run_recipe, small_recipe, tmp_path):
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"PAR1 but no more")
    stages = [{"use": "source.instructions", "path": str(path)}]
    with pytest.raises(UserError, match="is not a Parquet file"):
        run_recipe(small_recipe(stages=stages))


def test_two_writers(run_recipe, small_recipe, tmp_path):
    from pipelines.store.store import Store

    store = Store.at(tmp_path / "store")
    with store.writing("first"), pytest.raises(BusyError, match="is held by run first"):
        run_recipe(small_recipe(), store)


def test_an_unwritable_store(run_recipe, small_recipe, tmp_path):
    from pipelines.store.store import Store

    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written to"):
        run_recipe(small_recipe(), Store.at(tmp_path / "file" / "store"))


def test_seed_tasks_ship_with_the_project(run_recipe, small_recipe, root):
    path = root / "configs/seeds/self_instruct_seed_tasks.jsonl"
    stages = [{"use": "source.seed_tasks", "path": str(path)}]
    run, store = run_recipe(small_recipe(stages=stages))
    rows = dataset(store, run)
    assert len(rows) == 175
    assert rows[1]["instruction"].endswith("Night : Day :: Right : Left")
    first = json.loads(Path(path).read_text().splitlines()[0])
    assert rows[0]["seed_task"] == first["id"]


def test_a_small_stage_that_fails_whole_is_not_done(run_recipe, small_recipe):
    stages = [{"use": "generate.magpie", "rows": 3}]
    with pytest.raises(RunError, match="3 of 3 rows failed"):
        run_recipe(small_recipe(engines=scripted("refuses"), stages=stages))


def refuses(request):
    raise EngineError("no")


def test_another_shard_size_reuses_a_finished_store(run_recipe, small_recipe):
    run, store = run_recipe(small_recipe())
    before = dataset(store, run)
    calls = Calls()
    again, _ = run_recipe(small_recipe(placement={"shard_rows": 3}), store, calls)
    assert not calls.fresh
    assert dataset(store, again) == before


def hides_a_surrogate(request):
    """A lone surrogate behind a JSON escape."""
    return Reply(samples=(Sample('{"request": "Draw a \\ud83d please, and name it."}'),))


def test_a_surrogate_behind_an_escape(run_recipe, small_recipe):
    path = "configs/seeds/self_instruct_seed_tasks.jsonl"
    stages = [
        {"use": "source.seed_tasks", "path": path, "rows": 2},
        {"use": "generate.respond"},
        {"use": "filter.response"},
        {"use": "evolve.begin"},
        {"use": "evolve.rewrite", "engine": "odd"},
    ]
    engines = {"main": {"kind": "scripted"}, "odd": scripted("hides_a_surrogate")["main"]}
    run, store = run_recipe(small_recipe(engines=engines, stages=stages))
    assert {row["evolved"] for row in dataset(store, run)} == {"Draw a \ufffd please, and name it."}


def test_nulls_go_through_every_set_stage(run_recipe, small_recipe):
    stages = [
        {"use": "generate.magpie", "rows": 4},
        {"use": "generate.respond", "samples": 2},
        {"use": "judge.quality", "engine": "mute", "on_parse_error": None},
        {"use": "annotate.embedding", "engine": "mute", "on_parse_error": "null"},
        {"use": "dedup.exact", "columns": {"instruction": "response"}},
        {"use": "dedup.semantic"},
        {"use": "select.quality_diversity", "rows": 6},
        {"use": "pair.best_worst"},
    ]
    engines = {"main": {"kind": "scripted"}, "mute": scripted("says_nothing_readable")["main"]}
    run, store = run_recipe(small_recipe(engines=engines, stages=stages))
    assert run.status == "done"
    assert manifests(store, run)[-1].reasons == {"pair.not_scored": 6}


def test_pairs_need_several_answers_to_one_question(run_recipe, small_recipe):
    stages = [
        {"use": "generate.magpie", "rows": 4},
        {"use": "generate.respond"},
        {"use": "judge.quality"},
        {"use": "pair.best_worst"},
    ]
    with pytest.raises(UserError, match="no stage before makes several"):
        run_recipe(small_recipe(stages=stages))


def test_an_empty_file_has_no_rows_to_start_from(run_recipe, small_recipe, tmp_path):
    (tmp_path / "none.jsonl").write_text("")
    stages = [{"use": "source.instructions", "path": str(tmp_path / "none.jsonl")}]
    with pytest.raises(UserError, match="has no rows to start from"):
        run_recipe(small_recipe(stages=stages))


def test_own_instructions_pass_the_filter(run_recipe, small_recipe, tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_text('{"instruction": "1. Name three rivers of Asia."}\n')
    stages = [
        {"use": "source.instructions", "path": str(path)},
        {"use": "filter.instruction", "languages": ["en"]},
    ]
    run, store = run_recipe(small_recipe(stages=stages))
    assert [row["instruction"] for row in dataset(store, run)] == ["Name three rivers of Asia."]


def test_columns_that_changed_without_a_new_version_are_one_cause(
    run_recipe, small_recipe, monkeypatch
):
    from stages.annotate.length import Length

    stages = [
        {"use": "generate.magpie", "rows": 4},
        {"use": "annotate.length", "columns": {"text": "instruction"}},
    ]
    _, store = run_recipe(small_recipe(stages=stages))
    monkeypatch.setattr(Length, "adds", dict(Length().adds) | {"more": pa.int64()})
    with pytest.raises(RunError, match=r"has no column 'more'.*raise the stage's `version`"):
        run_recipe(small_recipe(stages=stages), store=store)
