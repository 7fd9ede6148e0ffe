"""verify, repair, gc, plan --explain, cassettes, and a store that somebody else holds."""

from pathlib import Path

import pytest
from msgspec import structs

from pipelines.store.store import Store


def damage(pattern):
    path = next(Path("store").glob(pattern))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return path


def test_a_sound_store(bowerbird, done):
    code, out, err = bowerbird("verify")
    assert (code, out) == (0, "every file is what was committed\n")
    assert "shard files" in err
    assert bowerbird("repair")[1] == "nothing is damaged\n"


def test_damage_is_found_and_mended(bowerbird, done):
    path = damage("stages/judge.quality-*/part-00004-*")
    code, out, err = bowerbird("verify")
    assert code == 1
    assert str(path) in out
    assert "is changed" in out
    assert "`bowerbird repair` computes again" in err
    code, _, err = bowerbird("sql", "SELECT count(*) FROM judge_quality")
    assert code == 1
    assert "is damaged" in err
    # What is not asked for is not read.
    assert bowerbird("sql", "SELECT run, status FROM runs")[0] == 0
    code, out, _ = bowerbird("repair")
    assert code == 0
    assert f"{done}: its dataset is what it was" in out
    assert bowerbird("verify")[0] == 0
    assert bowerbird("sql", "SELECT count(*) FROM judge_quality")[0] == 0


def test_a_damaged_record_is_set_aside(bowerbird, recipe, done):
    path = damage("runs/*/run.json")
    code, _, err = bowerbird("status")
    assert code == 1
    assert "is damaged" in err
    assert bowerbird("repair")[0] == 0
    assert path.with_name("run.json.damaged").is_file()
    assert "no runs" in bowerbird("status")[2]
    code, _, err = bowerbird("gc")
    assert code == 1
    assert "has no record" in err
    code, _, err = bowerbird("run", recipe, "--local")
    assert err.count("reused") == 8


def test_what_no_run_needs(bowerbird, recipe, done):
    bowerbird("run", recipe, "--local", "--set", "seed=4")
    folder = next(Path("store/stages").glob("generate.magpie-*"))
    (folder / "part-00009-0.parquet").write_bytes(b"half")
    (folder / "log" / "v1.json.0123456789ab.tmp").write_bytes(b"half")
    import shutil

    last = Store.at("store").find(None).id
    shutil.rmtree(Path("store/runs") / last)
    code, out, _ = bowerbird("gc")
    assert code == 0
    assert out.count("no run points at it") == 8
    assert "to delete with --delete" in out
    assert Path(folder / "part-00009-0.parquet").exists() or not folder.exists()
    code, out, _ = bowerbird("gc", "--delete")
    assert "deleted" in out
    assert bowerbird("gc")[1].startswith("0 files")
    assert bowerbird("verify")[0] == 0
    assert bowerbird("run", recipe, "--local")[2].count("reused") == 8


def test_why_a_stage_is_computed(bowerbird, recipe, done):
    _, out, _ = bowerbird("plan", recipe, "--explain")
    assert out.count("reused: it is complete in the store") == 8
    _, out, _ = bowerbird("plan", recipe, "--explain", "--set", "stages.quality.min_mass=0.3")
    assert "judge_quality             computed: min_mass was 0.2, is 0.3" in out
    assert "annotate_embedding        computed: judge_quality before it changed" in out
    assert out.count("reused") == 4
    _, out, _ = bowerbird("plan", recipe, "--explain", "--set", "seed=9")
    assert "generate_magpie           computed: the seed changed" in out
    _, out, _ = bowerbird("plan", recipe, "--explain", "--set", "engines.main.model=other")
    assert "the engine's model was scripted, is other" in out
    _, out, _ = bowerbird("plan", recipe, "--explain", "--store", "empty")
    assert out.count("computed: no run of this recipe had it") == 8


def test_a_store_that_is_held(bowerbird, recipe):
    with Store.at("store").writing("another"):
        code, out, err = bowerbird("run", recipe, "--local")
        assert (code, out) == (75, "")
        assert "is held by run another" in err
        assert "remedy Wait for it" in err
        assert bowerbird("gc", "--delete")[0] == 75
        assert bowerbird("verify")[0] == 0


def test_a_cassette(bowerbird, recipe):
    bowerbird("run", recipe, "--local", "--record", "tape")
    code, _, _ = bowerbird("run", recipe, "--local", "--replay", "tape", "--store", "other")
    assert code == 0
    first, second = Store.at("store").find(None), Store.at("other").find(None)
    assert first.content == second.content
    _, _, err = bowerbird("run", recipe, "--local", "--record", "tape")
    assert "not in the cassette: answers of stages that were in the store already" in err
    code, _, err = bowerbird("run", recipe, "--local", "--replay", "none")
    assert code == 2
    assert "there is no cassette none" in err
    changed = ["run", recipe, "--local", "--replay", "tape", "--set", "stages.quality.min_mass=0.3"]
    code, _, err = bowerbird(*changed)
    assert code == 1
    assert "the cassette has no answer to" in err
    assert bowerbird(*changed, "--record", "tape")[0] == 0


def test_a_run_whose_process_ended_without_a_word(bowerbird, recipe, done):
    from pipelines.store import runs

    store = Store.at("store")
    dead = structs.replace(store.find(None), id="dead", status="running")
    runs.write(store.runs, dead)
    bowerbird("run", recipe, "--local")
    assert store.find("dead").status == "interrupted"
    assert store.find("dead").error == "its process ended without a word"


@pytest.mark.slow
def test_a_cluster_that_is_not_there(bowerbird, recipe):
    code, _, err = bowerbird("run", recipe, "--ray-address", "127.0.0.1:9")
    assert code == 2
    assert "no Ray cluster answers at 127.0.0.1:9" in err
    assert "Traceback" not in err
