"""What rows say reaches the terminal as text; preview; repair of a store from elsewhere."""

import json
import os
import pty
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import yaml

from pipelines.cli.output import escape, visible
from stages.engines.scripts import babble

BOWERBIRD = Path(sys.executable).parent / "bowerbird"
HOSTILE = "Name \x1b]0;owned\x07three\x1b[2J rivers \x9b31m and \x7f[bold]lakes[/bold]."


def test_control_characters_are_shown():
    shown = visible(HOSTILE)
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in shown)
    assert "␛]0;owned␇three␛[2J rivers" in shown
    assert escape("[bold]x") == "\\[bold]x"
    assert visible("a\n\tb") == "a\n\tb"


def test_no_escape_sequence_of_a_row_reaches_a_terminal(tmp_path):
    (tmp_path / "rows.jsonl").write_text(json.dumps({"instruction": HOSTILE}) + "\n")
    stages = [{"use": "source.instructions", "path": "rows.jsonl"}, {"use": "generate.respond"}]
    source = {"name": "x", "engines": {"main": {"kind": "scripted"}}, "stages": stages}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(source))

    def on_a_terminal(*arguments):
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [str(BOWERBIRD), *arguments], cwd=tmp_path, stdout=theirs, stderr=theirs,
            env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "150"},
        )  # fmt: skip
        os.close(theirs)
        said = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:
                break
            if not part:
                break
            said += part
        os.close(ours)
        assert process.wait() == 0, said
        return said

    assert b"DONE" not in on_a_terminal("run", "x.yaml", "--local")
    row = subprocess.run([str(BOWERBIRD), "sql", "SELECT id FROM dataset", "--format", "csv"],
                         cwd=tmp_path, capture_output=True, text=True, check=True)  # fmt: skip
    sql = "SELECT * FROM dataset"
    for arguments in (
        ("sql", sql), ("sql", sql, "--format", "csv"), ("sql", sql, "--format", "json"),
        ("why", row.stdout.split()[1]), ("preview", "x.yaml", "-n", "1"),
    ):  # fmt: skip
        said = on_a_terminal(*arguments)
        assert b"three" in said
        for sequence in (b"\x1b]0;owned", b"\x1b[2J", b"\x9b31m", b"\x07"):
            assert sequence not in said.replace(b"\xc2\x9b", b"\x9b"), arguments
    piped = subprocess.run([str(BOWERBIRD), "sql", sql, "--format", "json"], cwd=tmp_path,
                           capture_output=True, text=True, check=True)  # fmt: skip
    assert json.loads(piped.stdout)[0]["instruction"] == HOSTILE


def test_preview_shows_as_many_rows_as_it_was_asked_for(bowerbird, tmp_path, small_recipe):
    source = small_recipe()
    source["stages"] = [{"use": "generate.magpie", "rows": 6},
                        {"use": "generate.respond", "samples": 4}]  # fmt: skip
    (tmp_path / "fan.yaml").write_text(yaml.safe_dump(source))
    code, out, err = bowerbird("preview", "fan.yaml", "-n", "2")
    assert code == 0
    assert out.count("─ row ") + out.count("╭─ row") >= 2
    assert "row 3" not in out
    assert "of the first 2 rows came 8, 2 are shown; 0 did not come through" in err


def test_preview_says_what_was_lost_and_why(bowerbird, tmp_path, small_recipe):
    source = small_recipe()
    source["stages"] = [{"use": "generate.magpie", "rows": 3},
                        {"use": "generate.respond", "max_tokens": 1},
                        {"use": "filter.response"}]  # fmt: skip
    (tmp_path / "lost.yaml").write_text(yaml.safe_dump(source))
    script = "engines.main.script=tests.pipelines.cli.test_output:cut_off"
    code, out, err = bowerbird("preview", "lost.yaml", "-n", "3", "--set", script)
    assert (code, out) == (0, "")
    assert err.count("filter_response dropped ") == 3
    assert err.count("filter.truncated: ") == 3
    assert "of the first 3 rows came 0, 0 are shown; 3 did not come through" in err


def cut_off(request):
    reply = babble(request)
    finish = "length" if request.ask.sampling.max_tokens == 1 else "stop"
    return replace(reply, samples=tuple(replace(s, finish_reason=finish) for s in reply.samples))


def test_a_result_that_does_not_fit_is_shown_row_by_row(bowerbird, done):
    code, out, _ = bowerbird("sql", "SELECT * FROM stages ORDER BY position")
    assert code == 0
    assert out.startswith("row 1\nposition ")
    assert len({line for line in out.splitlines() if line.startswith("fingerprint ")}) > 1
    assert max(map(len, out.splitlines())) <= 200


def test_repair_runs_no_code_of_a_store_from_elsewhere(bowerbird, tmp_path, small_recipe):
    engines = {"main": {"kind": "scripted", "script": "tests.data.slow_script:slow"},
               "embedder": {"kind": "scripted"}}  # fmt: skip
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(small_recipe(engines=engines)))
    assert bowerbird("run", "small.yaml", "--local")[0] == 0
    next(Path("store").glob("stages/judge.quality-*/part-*")).write_bytes(b"PAR1")
    code, _, err = bowerbird("repair")
    assert code == 2
    assert "not harmless ('main': script 'tests.data.slow_script:slow')" in err
    assert "--trust-recipes" in err
    code, out, _ = bowerbird("repair", "--trust-recipes")
    assert code == 0
    assert "its dataset is what it was" in out


def test_texts_that_were_cut_are_warned_of(bowerbird, tmp_path, small_recipe):
    engines = {"main": {"kind": "scripted", "script": "tests.data.cutting_script:cut"}}
    stages = small_recipe()["stages"][:4]
    source = small_recipe(engines=engines, stages=stages)
    (tmp_path / "cut.yaml").write_text(yaml.safe_dump(source))
    code, _, errors = bowerbird("run", "cut.yaml", "--local")
    assert code == 0, errors
    (count,) = re.findall(r"warning (\d+) of 12 texts that came to filter_response were", errors)
    assert 2 <= int(count) <= 11
    assert "came to filter_instruction" not in errors
