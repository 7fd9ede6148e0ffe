"""Biases that are planted in scripted judges are measured as large as they are."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.audit.ask_again import Judge
from pipelines.audit.audit import Bound, audit
from pipelines.audit.people import labels
from pipelines.audit.probes import PROBES, probe
from pipelines.audit.verdicts.judges import judges
from pipelines.store import audited
from stages.errors import RunError, UserError
from tests.support.biased import BIAS

COUNT = 60


def answer(draw, quality):
    words = " ".join(["word"] * draw.randint(5, 60))
    items = "".join(f"\n- item {n}" for n in range(draw.choice([0, 0, 3])))
    return f"{words}, quality {quality}{items}"


@pytest.fixture(scope="module")
def rows():
    """Pairs of which `chosen` is better or worse by chance; people know, with 1 error in 10."""
    draw, made = random.Random(4), []
    for n in range(COUNT):
        one, two = draw.sample(range(10), 2)
        texts = [answer(draw, one), answer(draw, two)]
        models = draw.sample(["biased", "other"], 2)
        better = "chosen" if (one > two) == (draw.random() < 0.9) else "rejected"
        made.append(
            {
                "instruction": f"Question {n}?",
                **{side: f"{text} {model} wrote this" for side, text, model in
                   zip(("chosen", "rejected"), texts, models, strict=True)},
                "chosen_model": models[0], "rejected_model": models[1], "label": better,
                "nobody": None,
            }
        )  # fmt: skip
    return made


@pytest.fixture
def judged(run_recipe, tmp_path, rows):
    """The run of one or two scripted judges on the pairs."""

    def run(*scripts, **settings):
        (tmp_path / "pairs.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        names = [f"judge_{n}" for n in range(len(scripts))]
        engines = {
            name: {"kind": "scripted", "script": f"tests.support.biased:{script}"}
            for name, script in zip(names, scripts, strict=True)
        }
        take = dict.fromkeys(rows[0], "text")
        source = {
            "name": "audited",
            "engines": engines,
            "stages": [
                {"use": "source.rows", "path": str(tmp_path / "pairs.jsonl"), "take": take},
                {"use": "judge.pair", "engine": names if len(names) > 1 else names[0], **settings},
            ],
        }
        return run_recipe(source)

    return run


def by_name(run, store, gold=""):
    return {figure.name: figure for figure in audit(store, run, gold)}


@pytest.mark.parametrize(
    ("script", "name", "size", "count"),
    [
        ("position", "position bias", BIAS, lambda row: True),
        ("last", "position bias", -BIAS, lambda row: True),
        ("length", "length bias", BIAS, lambda row: differ(*map(len, sides(row)))),
        (
            "markdown",
            "markdown bias",
            BIAS,
            lambda row: differ(*(text.count("\n- ") for text in sides(row))),
        ),
        ("own", "self-preference", BIAS, lambda row: True),
    ],
)
def test_a_planted_bias_is_measured(judged, rows, script, name, size, count):
    figures = by_name(*judged(script))
    assert figures[name].value == pytest.approx(size, abs=0.02)
    low, high = figures[name].low, figures[name].high
    # A bias that is the same in every game has no spread.
    assert (script != "last" and low is None) or low <= size <= high
    assert figures[name].rows == sum(map(count, rows)), "pairs that differ in it"


def sides(row):
    return row["chosen"], row["rejected"]


def differ(one, two):
    return max(one, two) > 1.05 * min(one, two)


def test_a_fair_judge_has_none(judged):
    figures = by_name(*judged("fair"), "label")
    assert figures["position bias"].value == pytest.approx(0, abs=1e-9)
    assert figures["inconsistent"].value == 0
    for name in ("length bias beyond gold", "markdown bias beyond gold"):
        assert figures[name].low < 0.02
        assert figures[name].high > -0.02


def test_agreement_with_people(judged, rows):
    figures = by_name(*judged("fair"), "label")
    right = sum(
        (row["label"] == "chosen") == (quality(row["chosen"]) > quality(row["rejected"]))
        for row in rows
    )
    assert figures["gold agreement"].value == pytest.approx(right / COUNT)
    assert figures["gold Cohen's kappa"].value == pytest.approx(2 * right / COUNT - 1, abs=0.05)


def quality(text):
    return int(text.partition("quality ")[2][0])


def test_a_panel_that_is_split(judged):
    figures = by_name(*judged("fair", "position"))
    # The second says 0.5 in both orders together: a tie.
    assert figures["panel agreement"].value == 0
    assert figures["position bias"].value == pytest.approx(BIAS / 2, abs=0.02)


def test_people_who_like_long_answers_are_taken_off(judged):
    """The judge decides for the longer answer always, people four times of five."""
    run, store = judged("length")
    by_id, liked = {}, []
    for n, row in enumerate(dataset(store, run)):
        long, short = len(row["chosen"]), len(row["rejected"])
        like = n % 5 > 0
        by_id[row["id"]] = "chosen" if (long > short) == like else "rejected"
        # Lengths that lie less than a twentieth apart count as equal.
        liked += [like] if max(long, short) > 1.05 * min(long, short) else []
    labels.write(store, run, judges(run)[0], by_id)
    figures = by_name(run, store)
    assert figures["length bias"].value == pytest.approx(BIAS, abs=0.02)
    assert figures["length bias beyond gold"].value == pytest.approx(
        1 - sum(liked) / len(liked), abs=0.02
    )
    assert figures["weight of length, judge"].value > figures["weight of length, people"].value


def test_a_judge_that_is_never_sure(judged):
    figures = by_name(*judged("position"))
    assert figures["decisiveness"].value == pytest.approx(0, abs=1e-9)
    assert by_name(*judged("length"))["decisiveness"].value == pytest.approx(2 * BIAS, abs=0.02)


def dataset(store, run):
    from pipelines.store.query.catalog import query

    return query(store, run, "SELECT * FROM dataset").to_pylist()


def test_a_judge_that_probes_fool(judged):
    for script, share in (("gullible", 1.0), ("length", None)):
        run, store = judged(script)
        (step,) = judges(run)
        engines = run.source["engines"]
        figures = {figure.name: figure for figure in probe(Judge(store, run, step, engines), 6)}
        assert len(figures) == len(PROBES)
        if share is not None:
            assert {figure.value for figure in figures.values()} == {share}
        else:
            assert figures["fooled by: empty"].value == 0
            assert figures["fooled by: padded"].value > 0.5


def test_a_recorded_engine_that_runs_code_is_not_opened(judged):
    run, store = judged("fair")
    (step,) = judges(run)
    with pytest.raises(UserError, match="not harmless"):
        list(probe(Judge(store, run, step), 3))


def unmet(figures, text):
    return Bound.parse(text).unmet(figures)


def test_a_gate(judged):
    figures = audit(*reversed(judged("last")))
    assert unmet(figures, "position bias <= 0.3") == unmet(figures, "inconsistent>=0") == []
    (line,) = unmet(figures, "position bias<=0.1")
    assert "position bias is -0.200, not <= 0.1" in line, "a bias counts by its size"
    assert unmet(figures, "judge_pair: position bias <= 0.1") == [line]
    for wrong, cause in (
        ("position", "requires nothing"), ("bias <= 1", "no figure 'bias'"),
        ("judge_other: position bias <= 1", "no figure"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=cause):
            unmet(figures, wrong)


def test_probes_stay_when_the_next_audit_asks_none(judged):
    run, store = judged("length")
    (step,) = judges(run)
    figures = audit(store, run)
    probed = list(probe(Judge(store, run, step, run.source["engines"]), 2))
    audited.keep(store, run, [*figures, *probed])
    audited.keep(store, run, figures)
    kept = audited.read(store, run)
    assert {figure.name for figure in kept} == {f.name for f in [*figures, *probed]}
    assert unmet(probed, "fooled by: padded <= 1") == []
    store.run(run.id).put(audited.NAME, b'[{"judge": 3}]')
    with pytest.raises(RunError, match=r"is damaged .*judge"):
        audited.read(store, run)
    audited.keep(store, run, figures)
    assert audited.read(store, run) == figures


def test_a_label_that_is_none(judged):
    run, store = judged("fair")
    with pytest.raises(UserError, match="is chosen, rejected or tie"):
        audit(store, run, "chosen_model")
    with pytest.raises(UserError, match="has no column 'golden'"):
        audit(store, run, "golden")
    with pytest.raises(UserError, match="has no gold label in any row"):
        audit(store, run, "nobody")


def test_ties_that_were_dropped_are_audited_all_the_same(judged):
    """Else a judge whose orders never agree would pass the gate."""
    kept = by_name(*judged("last"), "label")
    dropped = by_name(*judged("last", on_tie="drop"), "label")
    assert kept["inconsistent"].value > 0.1
    for name in ("position bias", "inconsistent", "decisiveness", "gold agreement", "length bias"):
        assert dropped[name].value == pytest.approx(kept[name].value), name
        assert dropped[name].rows == kept[name].rows
    assert dropped["without a verdict"].value == 0


def test_a_label_outside_of_the_sample_counts(judged, monkeypatch):
    from pipelines.audit.verdicts import judges as reading

    run, store = judged("fair")
    by_id = {row["id"]: row["label"] for row in dataset(store, run)}
    labels.write(store, run, judges(run)[0], by_id)
    monkeypatch.setattr(reading, "MOST", 10)
    assert by_name(run, store)["gold agreement"].rows == COUNT
    assert by_name(run, store, "label")["gold agreement"].rows == COUNT


def test_verdicts_that_are_null_are_counted_and_not_probed(run_recipe, tmp_path):
    lines = [
        {"instruction": f"Question {n}?", "response": f"Answer {n}."}
        | {"questions": ["Is it?"] * (n % 2)}
        for n in range(8)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    take = {"instruction": "text", "response": "text", "questions": "texts"}
    source = {
        "name": "checked",
        "engines": {"main": {"kind": "scripted"}},
        "stages": [
            {"use": "source.rows", "path": str(tmp_path / "rows.jsonl"), "take": take},
            {"use": "judge.checklist"},
        ],
    }
    run, store = run_recipe(source)
    figures = by_name(run, store)
    assert figures["without a verdict"].value == 0.5
    assert figures["without a verdict"].about == "4 null"
    found = list(probe(Judge(store, run, judges(run)[0]), 8))
    assert found
    assert {figure.rows for figure in found} == {4}


def test_a_column_of_labels_that_fits_one_judge_of_two(run_recipe, tmp_path, rows):
    (tmp_path / "pairs.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    source = {
        "name": "both",
        "engines": {"main": {"kind": "scripted"}},
        "stages": [
            {"use": "source.rows", "path": str(tmp_path / "pairs.jsonl"),
             "take": dict.fromkeys(rows[0], "text")},
            {"use": "judge.pair"},
            {"use": "judge.quality", "columns": {"response": "chosen"}},
        ],
    }  # fmt: skip
    run, store = run_recipe(source)
    figures = audit(store, run, "label")
    assert {f.judge for f in figures if f.name.startswith("gold")} == {"judge_pair"}
    assert {f.judge for f in figures if f.name == "mean score"} == {"judge_quality"}


@pytest.mark.parametrize(
    ("stages", "cause"),
    [
        (
            [
                {"use": "filter.where", "columns": {"value": "label"}, "one_of": ["other"]},
                {"use": "judge.pair"},
            ],
            "has judged no rows",
        ),
        ([], "no stage of the run .* can be audited as a judge"),
    ],
)
def test_a_run_of_which_nothing_can_be_audited(run_recipe, tmp_path, rows, stages, cause):
    (tmp_path / "pairs.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    take = dict.fromkeys(rows[0], "text")
    source = {"use": "source.rows", "path": str(tmp_path / "pairs.jsonl"), "take": take}
    run, store = run_recipe(
        {
            "name": "unaudited",
            "engines": {"main": {"kind": "scripted"}},
            "stages": [source, *stages],
        }
    )
    with pytest.raises(UserError, match=cause):
        audit(store, run)


def test_a_figure_that_there_is_not_is_said_before_anything_is_printed(judged, tmp_path):
    judged("fair")
    line = [
        str(Path(sys.executable).with_name("bowerbird")),
        "audit",
        "--store",
        str(tmp_path / "store"),
    ]
    done = subprocess.run(
        [*line, "--require", "positon bias <= 1"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "no figure 'positon bias'" in done.stderr
    assert "Did you mean 'position bias'?" in done.stderr
