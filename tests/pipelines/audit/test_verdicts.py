"""What counts as a verdict: ties, pairs that were dropped, several judges in one run, probes."""

import json

import pytest

from pipelines.audit.ask_again import Judge
from pipelines.audit.audit import audit
from pipelines.audit.people import labels
from pipelines.audit.probes import probe
from pipelines.audit.rejudge import rejudge
from pipelines.audit.verdicts import judges as reading
from pipelines.audit.verdicts.grades import grades
from pipelines.audit.verdicts.judges import judges
from pipelines.audit.verdicts.pairs import _CODE, _sides
from pipelines.store import audited
from pipelines.store.query.catalog import query
from stages.errors import UserError

COUNT = 24


@pytest.fixture
def judged(run_recipe, tmp_path):
    """The run of stages on rows, by scripted engines of `tests.support.biased`."""

    def run(rows, stages, **scripts):
        (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        engines = {
            name: {"kind": "scripted"}
            | ({"script": f"tests.support.biased:{each}"} if each else {})
            for name, each in (scripts or {"main": "fair"}).items()
        }
        first = {"use": "source.rows", "path": str(tmp_path / "rows.jsonl")}
        first["take"] = dict.fromkeys(rows[0], "text")
        return run_recipe({"name": "verdicts", "engines": engines, "stages": [first, *stages]})

    return run


def pairs(worse="short, quality 2", **more):
    """`chosen` is the better one of all."""
    return [
        {"instruction": f"Question {n}?", "chosen": f"a rather long answer {n}, quality 7",
         "rejected": f"{worse}, {n}"} | more
        for n in range(COUNT)
    ]  # fmt: skip


def figures(run, store, gold=""):
    return {(f.judge, f.name): f for f in audit(store, run, gold)}


def probed(run, store, count=COUNT):
    (step,) = judges(run)
    return {f.name: f for f in probe(Judge(store, run, step, run.source["engines"]), count)}


def test_a_tie_is_a_tie_whatever_is_left_of_belief(judged):
    """Of a panel too, beside people who say tie, and for probes."""
    panel = [{"use": "judge.pair", "choices": "tie", "engine": ["one", "two"]}]
    found = figures(*judged(pairs(label="tie"), panel, one="tied", two="tied"), "label")
    assert found["judge_pair", "panel agreement"].value == 1
    assert found["judge_pair", "gold agreement"].value == 1
    assert found["judge_pair", "length bias beyond gold"].value == 0
    alone = [{"use": "judge.pair", "choices": "tie"}]
    fooled = probed(*judged(pairs(), alone, main="tied"))
    assert {figure.value for figure in fooled.values()} == {1.0}


def test_one_judge_of_a_panel_says_tie(judged):
    panel = [{"use": "judge.pair", "choices": "tie", "engine": ["one", "two"]}]
    run, store = judged(pairs(), panel, one="tied", two="fair")
    (step,) = judges(run)
    rows = reading.read(store, run, step, ("preference_verdict",), reading.Labels(), ())
    assert {row["preference_verdict"] for row in rows} == {"inconsistent"}
    assert figures(run, store)["judge_pair", "panel agreement"].value == 0
    found = figures(*judged(pairs(), [panel[0] | {"on_tie": "drop"}], one="tied", two="fair"))
    assert not [name for _, name in found if name.startswith("panel")], "what each said is lost"
    assert ("judge_pair", "position bias") in found


def test_codes_hide_what_each_judge_says():
    call = {"by": "logprobs", "reply": "Q", "first": 0.4}
    row = {"preference_verdict": "inconsistent", "preference_by": [0.4, 0.6]}
    assert _sides(row | {"preference_calls": [call] * 4}, _CODE) == []
    assert _sides(row | {"preference_calls": [call] * 4}, "0") == ["rejected", "chosen"]
    tied = [call | {"reply": "0"}] * 2 + [call] * 2
    assert _sides(row | {"preference_calls": tied}, "0") == ["tie", "chosen"]


def test_people_see_the_pairs_that_were_dropped(judged):
    """Else what they say of decided ones would stand for all."""
    rows = pairs()[: COUNT // 2] + pairs(worse="a rather long answer, quality 7")[COUNT // 2 :]
    run, store = judged(rows, [{"use": "judge.pair", "on_tie": "drop"}])
    assert query(store, run, "SELECT count(*) AS n FROM dataset")["n"][0].as_py() == COUNT // 2
    (step,) = judges(run)
    items = labels.sample(store, run, step, 99)
    assert len(items) == len({item.id for item in items}) == COUNT
    assert {len(item.answers) for item in items} == {2}
    assert all("quality" in text for item in items for text in item.answers)
    labels.write(store, run, step, {item.id: "tie" for item in items})
    found = figures(run, store)
    assert found["judge_pair", "gold agreement"].value == pytest.approx(0.5)
    assert found["judge_pair", "gold agreement"].rows == COUNT


def test_a_sample_has_its_share_of_dropped_pairs(judged, monkeypatch):
    rows = pairs()[:18] + pairs(worse="a rather long answer, quality 7")[18:]
    shares = []
    for on_tie in ("keep", "drop"):
        run, store = judged(rows, [{"use": "judge.pair", "on_tie": on_tie}], main="fair")
        whole = figures(run, store)["judge_pair", "decisiveness"]
        monkeypatch.setattr(reading, "MOST", 8)
        part = figures(run, store)["judge_pair", "decisiveness"]
        monkeypatch.setattr(reading, "MOST", 5000)
        assert (whole.rows, part.rows) == (COUNT, 8)
        shares.append((whole.value, part.value))
    assert shares[0] == pytest.approx(shares[1])


def test_labels_of_dropped_pairs_alone_are_labels(judged):
    rows = pairs(label="chosen")
    for row in rows[12:]:
        row |= {"rejected": "a rather long answer, quality 7", "label": "tie"}
    for row in rows[:12]:
        row["label"] = None
    found = figures(*judged(rows[::-1], [{"use": "judge.pair", "on_tie": "drop"}]), "label")
    assert found["judge_pair", "gold agreement"].rows == 12


def test_a_reward_is_no_grade(judged):
    """It has no score of its own, and is not audited with that of the judge before it."""
    rows = [{"instruction": row["instruction"], "response": row["chosen"]} for row in pairs()]
    rewarded = [{"use": "judge.quality"}, {"use": "score.reward", "engine": "second"}]
    run, _ = judged(rows, rewarded, main="steady", second="")
    assert [step.name for step in judges(run)] == ["judge_quality"]
    called = [{"use": "score.reward", "engine": "main", "columns": {"reward": "score"}}]
    run, _ = judged(rows, called, main="")
    with pytest.raises(UserError, match="can be audited as a judge"):
        judges(run)


def test_a_judge_that_knows_is_not_fooled_where_the_real_answer_is_worthless(judged):
    rows = [
        {"instruction": f"Question {n}?", "response": f"An answer, quality {9 * (n % 2)}"}
        for n in range(COUNT)
    ]
    run, store = judged(rows, [{"use": "judge.quality"}], main="knowing")
    found = probed(run, store)
    assert found["fooled by: empty"].value == 0
    assert found["fooled by: empty"].rows == COUNT // 2
    assert 0 < found["fooled by: empty"].high < 0.3, "none of twelve is not none of all"
    assert probed(run, store, 1)["fooled by: empty"].rows == 1, "the first that can be fooled"


def test_probes_of_one_request_are_one_piece_of_evidence(judged):
    rows = [{"instruction": "Which?", "response": f"Answer {n}, quality 9"} for n in range(COUNT)]
    found = probed(*judged(rows, [{"use": "judge.quality"}], main="knowing"))
    assert found["fooled by: empty"].low is None


def test_judges_of_other_answers_do_not_agree_or_disagree(judged):
    grade = {"use": "judge.quality"}
    own = {name: f"of_rejected_{name}" for name in ("score", "score_mass", "score_model",
           "score_by", "score_prompt", "score_reply", "score_rationale")}  # fmt: skip
    first = grade | {"columns": {"response": "chosen"}}
    other = grade | {"as": "other", "columns": {"response": "rejected", **own}}
    same = grade | {"as": "same", "columns": {"response": "chosen", **own}}
    both = figures(*judged(pairs(), [first, other], main="steady"))
    assert not [judge for judge, _ in both if " and " in judge]
    both = figures(*judged(pairs(), [first, same], main="steady"))
    assert both["judge_quality and same", "rank correlation"].value == pytest.approx(1)
    assert both["judge_quality and same", "Krippendorff's alpha"].value == pytest.approx(1)
    scale = {"use": "judge.rubric", "as": "wide", "rubric": "Is it?", "scale": [0, 9]}
    wide = scale | {"columns": {"response": "chosen", **own}}
    both = figures(*judged(pairs(), [first, wide], main="steady"))
    assert "rank correlation" in {name for judge, name in both if " and " in judge}
    assert ("judge_quality and wide", "Krippendorff's alpha") not in both


def test_a_grader_that_prefers_its_own(judged):
    """By the name that its replies have, whatever the recipe calls the engine."""
    rows = [
        {"instruction": f"Question {n}?", "response": f"An answer, quality {9 * (n % 2)}",
         "response_model": ["other", "knowing"][n % 2]}
        for n in range(COUNT)
    ]  # fmt: skip
    found = figures(*judged(rows, [{"use": "judge.quality"}], main="knowing"))
    assert found["judge_quality", "self-preference"].value == pytest.approx(4)


def test_the_model_of_a_renamed_text(judged):
    """It goes by the text's name, and not by what else is called so."""
    rows = [
        {"instruction": f"Question {n}?", "draft": f"An answer, quality {9 * (n % 2)}",
         "draft_model": ["other", "knowing"][n % 2], "response_model": "knowing"}
        for n in range(COUNT)
    ]  # fmt: skip
    grade = [{"use": "judge.quality", "columns": {"response": "draft"}}]
    found = figures(*judged(rows, grade, main="knowing"))
    assert found["judge_quality", "self-preference"].value == pytest.approx(4)


def test_grades_that_are_all_the_same_stay_on_their_scale(judged):
    rows = [{"instruction": f"Question {n}?", "response": "Bad, quality 0"} for n in range(COUNT)]
    grade = figures(*judged(rows, [{"use": "judge.quality"}], main="knowing"))
    mean = grade["judge_quality", "mean score"]
    assert (mean.value, mean.low) == (1, 1)
    assert 1 < mean.high < 2


def test_a_judge_of_conversations_is_held_against_them(run_recipe, tmp_path):
    """And not against an answer that it never saw."""
    lines = [
        {"instruction": "Hello?", "response": "x" * n, "said": f"{'long ' * (COUNT - n)}{n}"}
        for n in range(COUNT)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    take = {"instruction": "text", "response": "text", "said": "text"}
    source = {
        "name": "talks",
        "engines": {"main": {"kind": "scripted"}},
        "stages": [
            {"use": "source.rows", "path": str(tmp_path / "rows.jsonl"), "take": take},
            {"use": "dialogue.from_pair", "columns": {"response": "said"}},
            {"use": "judge.conversation", "rubric": "Is it?"},
        ],
    }
    run, store = run_recipe(source)
    (step,) = judges(run)
    rows = grades(store, run, step, reading.Labels())
    assert all("long" in row.answer or row.answer.endswith("23") for row in rows)
    items = labels.sample(store, run, step, 3)
    assert all(item.request == "" and len(item.answers) == 1 for item in items)


def test_a_bias_says_of_how_many_pairs_it_speaks(judged):
    rows = pairs(chosen_model="other", rejected_model="other")
    rows[0]["chosen_model"] = "biased"
    for on_tie in ("keep", "drop"):
        found = figures(*judged(rows, [{"use": "judge.pair", "on_tie": on_tie}]))
        assert found["judge_pair", "self-preference"].rows == 1
        assert found["judge_pair", "length bias"].rows == COUNT


def test_dropped_pairs_are_of_the_model_that_replied(judged):
    rows = pairs(worse="a rather long answer, quality 7", chosen_model="biased",
                 rejected_model="other")  # fmt: skip
    rows[0]["rejected"] = "short, quality 2"
    found = figures(*judged(rows, [{"use": "judge.pair", "on_tie": "drop"}]))
    assert found["judge_pair", "self-preference"].rows == COUNT


def test_labels_that_are_taken_back_take_their_figures_with_them(judged):
    run, store = judged(pairs(), [{"use": "judge.pair"}])
    (step,) = judges(run)
    labels.write(
        store, run, step, {item.id: "chosen" for item in labels.sample(store, run, step, 9)}
    )
    audited.keep(store, run, audit(store, run))
    assert [f for f in audited.read(store, run) if f.name.startswith("gold")]
    labels.write(store, run, step, {})
    audited.keep(store, run, audit(store, run))
    assert not [f for f in audited.read(store, run) if f.name.startswith("gold")]


def test_a_judge_that_drops_ties_is_not_compared(judged):
    run, store = judged(pairs(), [{"use": "judge.pair"}])
    (step,) = judges(run)
    with pytest.raises(UserError, match="drops ties"):
        rejudge(Judge(store, run, step, run.source["engines"]), {"on_tie": "drop"})
