"""The command line as a user meets it: output, exit codes, one cause and one remedy."""

import csv
import io
import json
import sys

import pytest


def test_run_prints_the_run_to_stdout_and_the_rest_to_stderr(bowerbird, recipe):
    code, out, err = bowerbird("run", recipe, "--local")
    assert code == 0
    assert out.startswith("small-")
    assert len(out.splitlines()) == 1
    assert "generate_magpie" in err
    assert "report.html" in err


def test_run_again_reuses(bowerbird, recipe, done):
    code, _, err = bowerbird("run", recipe, "--local")
    assert code == 0
    assert err.count("reused") == 8


def test_set(bowerbird, recipe):
    code, _, _ = bowerbird("run", recipe, "--local", "--set", "stages.magpie.rows=3")
    assert code == 0
    _, out, _ = bowerbird("sql", "SELECT rows_in FROM stages LIMIT 1", "--format", "csv")
    assert out == "rows_in\n3\n"


def test_plan_shows_columns_and_what_is_cached(bowerbird, recipe):
    code, out, _ = bowerbird("plan", recipe)
    assert code == 0
    assert "generate_magpie" in out
    assert "at most 48 calls" in out
    bowerbird("run", recipe, "--local")
    _, out, _ = bowerbird("plan", recipe)
    assert "at most 0 calls" in out


def test_preview_shows_the_runs_own_first_rows(bowerbird, recipe):
    code, out, _ = bowerbird("preview", recipe, "-n", "2")
    assert code == 0
    assert "row 1" in out
    shown = [line.split()[3] for line in out.splitlines() if " row " in line]
    bowerbird("run", recipe, "--local")
    _, ids, _ = bowerbird("sql", "SELECT id FROM generate_magpie", "--format", "csv")
    assert shown
    assert set(shown) <= set(ids.split()[1:3])


def test_sql_formats(bowerbird, done):
    query = "SELECT id, instruction, messages FROM dataset ORDER BY id"
    _, as_json, _ = bowerbird("sql", query, "--format", "json")
    _, as_csv, _ = bowerbird("sql", query, "--format", "csv")
    rows = json.loads(as_json)
    lines = list(csv.reader(io.StringIO(as_csv)))
    assert lines[0] == ["id", "instruction", "messages"]
    assert [line[0] for line in lines[1:]] == [row["id"] for row in rows]
    assert json.loads(lines[1][2]) == rows[0]["messages"]
    _, table, _ = bowerbird("sql", query)
    assert rows[0]["id"] in table


def test_why(bowerbird, done):
    _, out, _ = bowerbird("sql", "SELECT id FROM dataset LIMIT 1", "--format", "csv")
    code, story, _ = bowerbird("why", out.split()[1])
    assert code == 0
    assert "generate_magpie" in story
    assert "score" in story


def test_status_report_and_export(bowerbird, done, tmp_path):
    _, out, _ = bowerbird("status")
    assert done in out
    _, out, _ = bowerbird("status", "--run", done)
    assert "judge_quality" in out
    _, out, _ = bowerbird("report", "--run", done)
    assert (tmp_path / out.strip()).stat().st_size > 100_000
    code, out, _ = bowerbird("export", done, "--format", "trl-sft", "--out", "sft")
    assert code == 0
    assert (tmp_path / out.strip()).is_file()


def test_doctor(bowerbird, recipe):
    code, out, _ = bowerbird("doctor", recipe)
    assert "engine main (scripted, scripted): ready" in out
    assert code == (2 if "missing" in out else 0)  # by the machine's disk


@pytest.mark.parametrize(
    ("arguments", "code", "cause", "remedy"),
    [
        (["run", "nothing.yaml"], 2, "there is no recipe nothing.yaml", "path of a recipe"),
        (["run", "RECIPE", "--set", "sede=1"], 2, "'sede' is no setting", "Did you mean 'seed'?"),
        (["run", "RECIPE", "--set", "x"], 2, "--set x is not of the form", ""),
        (["plan", "RECIPE", "--set", "stages.magpie.row=1"], 2, "'row' is no setting", "'rows'"),
        (["sql", "SELECT 1"], 2, "there are no runs in store", "--store"),
        (["why", "x"], 2, "there are no runs in store", "--store"),
        (["report", "nothing"], 2, "there is no run 'nothing'", "bowerbird status"),
        (["fetch", "nothing"], 2, "there is no packaged model 'nothing'", "all-minilm-l6-v2"),
        (["run", "RECIPE", "--local", "--store", "/proc/store"], 2, "cannot be written", "--store"),
        (
            ["run", "RECIPE", "--local", "--set", "engines.main.script=nothing"],
            2,
            "there is no script 'nothing'",
            "module:function",
        ),
        (
            ["run", "RECIPE", "--local", "--set", "engines.main={kind: vllm, model: packaged/x}"],
            2,
            "there is no packaged model 'x'",
            "packaged/qwen2.5",
        ),
        (
            ["run", "RECIPE", "--local", "--set", "engines.main={kind: vllm, model: /no/model}"],
            2,
            "there is no model folder /no/model",
            "Check `model`",
        ),
    ],
)
def test_what_a_user_gets_wrong(bowerbird, recipe, arguments, code, cause, remedy):
    filled = [recipe if a == "RECIPE" else a for a in arguments]
    ended, out, err = bowerbird(*filled)
    assert ended == code
    assert out == ""
    assert cause in err
    assert remedy in err
    assert "Traceback" not in err
    assert len([line for line in err.splitlines() if not line.startswith("run ")]) <= 2


def test_an_unreachable_endpoint(bowerbird, recipe, monkeypatch):
    engine = "engines.main={kind: openai, model: m, base_url: 'http://127.0.0.1:9/v1'}"
    arguments = ["--local", "--set", engine, "--set", "stages.magpie.pre_query=x"]
    code, _, err = bowerbird("run", recipe, *arguments)
    assert code == 2
    assert "nothing answers at http://127.0.0.1:9/v1" in err
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    key = ["--set", "engines.main.api_key_env=NO_SUCH_KEY"]
    code, _, err = bowerbird("run", recipe, *arguments, *key)
    assert code == 2
    assert "NO_SUCH_KEY is not set" in err


def test_a_run_that_fails_ends_with_1(bowerbird, recipe, monkeypatch, root):
    monkeypatch.setattr("stages.engines.scripts.babble", _dead)
    code, out, err = bowerbird("run", recipe, "--local")
    assert (code, out) == (1, "")
    assert "the engine is gone" in err
    _, out, _ = bowerbird("status")
    assert "failed" in out


def _dead(request):
    from stages.errors import EngineError

    raise EngineError("the engine is gone", fatal=True)


def test_bad_arguments_end_with_2(bowerbird):
    assert bowerbird("run")[0] == 2
    assert bowerbird("no-such-command")[0] == 2


def test_the_command_line_starts_fast():
    """Nothing heavy is imported until a command needs it."""
    import subprocess

    heavy = ("ray", "prefect", "vllm", "torch", "duckdb", "faiss", "plotly", "datasets", "sklearn")
    code = f"import sys, pipelines.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_query_needs_no_pydantic():
    """Its first model takes 0.2 s to make, longer than the query of a store of a million rows."""
    import subprocess

    code = (
        "import sys, pipelines.cli, pipelines.store.query.catalog; print('pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("command", ["verify", "repair", "gc"])
def test_a_store_that_is_not_there_is_not_whole(bowerbird, command):
    code, out, err = bowerbird(command, "--store", "mistyped")
    assert code == 2
    assert out == ""
    assert "there is no store in" in err
