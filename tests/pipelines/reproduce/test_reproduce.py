"""Published figures from files of the published formats; the files themselves are not shipped."""

import csv
import json
import math
import random
from statistics import fmean

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.reproduce.published import PUBLISHED, reproduce
from stages.errors import UserError

WEIGHTS = ("np.tanh(std_delta_len)", "instruction_difficulty", "not_gamed_baseline.astype(float)")


@pytest.mark.parametrize("name", ["rouge", "skillmix", "fastchat"])
def test_what_is_shipped(name):
    found = reproduce(name, None)
    assert len(found) == 3
    assert all(each.holds for each in found)


@pytest.fixture
def alpaca(tmp_path):
    """Annotations of two models, of which one has predictions; weights and a leaderboard."""
    draw = random.Random(3)
    difficulty = [draw.gauss(0, 1) for _ in range(40)]
    weights = {"first": (0.3, 1.2, -0.8), "second": (0.1, 0.7, 0.4)}
    sigmoid = lambda x: 1 / (1 + math.exp(-x))  # noqa: E731
    rows, board = [], {}
    for model, (_, slope, base) in weights.items():
        preferences = [1 + draw.random() for _ in difficulty]
        predicted = [sigmoid(base + slope * each) for each in difficulty]
        rows += [{"model": model, "preference": p, "glm_preference": None} for p in preferences]
        if model == "first":
            rows += [
                {"model": model, "preference": p, "glm_preference": g}
                for p, g in zip(preferences, predicted, strict=True)
            ]
        wins = 100 * (np.array(preferences) - 1)
        board[model] = (wins.mean(), wins.std(ddof=1) / math.sqrt(40), 100 * fmean(predicted))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "annotations.parquet")
    write(tmp_path / "length_control_weights.csv", ("", *WEIGHTS), weights)
    columns = ("", "win_rate", "standard_error", "length_controlled_winrate")
    write(tmp_path / "leaderboard.csv", columns, board)
    return tmp_path


def write(path, columns, values):
    with path.open("w", newline="") as out:
        csv.writer(out).writerows([columns, *([name, *each] for name, each in values.items())])


@pytest.mark.parametrize(("name", "count"), [("alpaca-eval", 4), ("alpaca-eval-lc", 2)])
def test_alpaca_eval(alpaca, name, count):
    found = reproduce(name, alpaca)
    assert len(found) == count
    assert all(each.holds for each in found)
    assert max(abs(each.ours - each.published) for each in found) < 1e-9
    assert reproduce(name, alpaca / "annotations.parquet") == found


def test_a_figure_that_does_not_hold_is_said(alpaca):
    text = (alpaca / "leaderboard.csv").read_text()
    (alpaca / "leaderboard.csv").write_text(text.replace("first,", "first,1"))
    found = {each.name: each.holds for each in reproduce("alpaca-eval", alpaca)}
    assert found["first win rate"] is False
    assert found["second win rate"] is True


def test_fastchat_from_a_file(tmp_path):
    games = [("model_1", "model_1"), ("model_1", "model_2"), ("tie", "model_2"), ("error", "tie")]
    lines = [json.dumps({"g1_winner": a, "g2_winner": b}) for a, b in games]
    (tmp_path / "gpt-4_pair.jsonl").write_text("\n".join(lines))
    found = {each.name: each.ours for each in reproduce("fastchat", tmp_path / "gpt-4_pair.jsonl")}
    assert found == {"model_1: rows": 1, "model_2: rows": 0, "tie: rows": 2}


def test_gsm8k_finds_a_verdict_that_differs(tmp_path):
    models = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
    row = {"ground_truth": "2 + 3 = 5\nA: 5"}
    for n, model in enumerate(models):
        row[model] = {"solution": f"so {n + 3}\nA: {n + 3}", "is_correct": n in (0, 2)}
    (tmp_path / "example_model_solutions.jsonl").write_text(json.dumps(row))
    found = {each.name: each.ours for each in reproduce("gsm8k", tmp_path)}
    assert found["6b_finetuning verdicts that differ"] == 1
    assert found["175b_finetuning verdicts that differ"] == 0
    assert found["175b_finetuning accuracy"] == 1
    assert found["majority of the four, counted"] == 0, "four answers, no majority"


def test_magpies_pairs(tmp_path, root):
    scores = json.loads((root / "tests/data/magpie_scores.json").read_text())
    rows = [{"rewards_armorm": [{"score": score} for score in each]} for each in scores]
    (tmp_path / "example_instructions_5res_armorm.json").write_text(json.dumps(rows))
    assert all(each.holds for each in reproduce("magpie-pairs", tmp_path))


def test_the_null_model(tmp_path):
    constant = " ".join(f"word{n}" for n in range(60))
    rows = [{"instruction": f"Question {n}?", "output": constant} for n in range(30)]
    (tmp_path / "null_model_outputs.json").write_text(json.dumps(rows))
    (found,) = reproduce("null-model", tmp_path)
    assert (found.ours, found.holds) == (1, True)


@pytest.mark.parametrize("name", sorted(set(PUBLISHED) - {"rouge", "skillmix", "fastchat"}))
def test_without_its_files(name, tmp_path):
    with pytest.raises(UserError, match="is not shipped here"):
        reproduce(name, None)
    with pytest.raises(UserError, match="there is no file"):
        reproduce(name, tmp_path)


def test_what_is_not_known():
    with pytest.raises(UserError) as no:
        reproduce("alpacaeval", None)
    assert "alpaca-eval" in no.value.remedy


def test_files_of_another_form(tmp_path, alpaca):
    (tmp_path / "games.jsonl").write_text('{"g1_winner": "error", "g2_winner": "tie"}')
    with pytest.raises(UserError, match="no game is won"):
        reproduce("fastchat", tmp_path / "games.jsonl")
    (tmp_path / "example_instructions_5res_armorm.json").write_text('[{"rewards_armorm": []}]')
    with pytest.raises(UserError, match="have another form"):
        reproduce("magpie-pairs", tmp_path)
    text = (alpaca / "leaderboard.csv").read_text()
    other = text.replace("first", "x").replace("second", "y")
    (alpaca / "leaderboard.csv").write_text(other)
    with pytest.raises(UserError, match="is published"):
        reproduce("alpaca-eval", alpaca)
