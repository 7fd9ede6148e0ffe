"""Runs of scripted judges."""

import json

import pytest


@pytest.fixture
def graded(run_recipe, tmp_path):
    """A run whose judge grades answers by a scripted engine, and the recipe's file."""
    answers = [f"Answer {n} {'x' * n}" for n in range(24)]
    lines = [
        {"instruction": f"Question {n}?", "response": answer, "right": float(n % 5 + 1)}
        for n, answer in enumerate(answers)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    take = {"instruction": "text", "response": "text", "right": "number"}
    source = {
        "name": "graded",
        "engines": {
            "main": {"kind": "scripted", "script": "tests.support.biased:steady"},
            "other": {"kind": "scripted", "model": "second"},
        },
        "stages": [
            {"use": "source.rows", "path": str(tmp_path / "rows.jsonl"), "take": take},
            {"use": "judge.rubric", "rubric": "Is it true?", "columns": {"score": "truth"}},
        ],
    }
    return run_recipe(source)
