"""GSM8K's four published accuracies, and what a majority vote makes of the four solutions.

File: `example_model_solutions.jsonl` of openai/grade-school-math: for each test problem the
`ground_truth` and the solutions of four models, each with `is_correct`. The accuracies are those
that `extract.answer` and `verify.equal` find; the vote is `select.majority`'s, with no published
figure to hold against: it is held against the verdicts counted by hand.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.reproduce.figure import Reproduced, file, rows
from stages.base import Dropped, Kept
from stages.extract.answer import Answer
from stages.select.majority import Majority
from stages.shared.texts.answers import comparable

_PUBLISHED = {
    "6b_finetuning": 0.2168, "6b_verification": 0.3904,
    "175b_finetuning": 0.3472, "175b_verification": 0.5625,
}  # fmt: skip


def gsm8k(data: Path | None) -> Iterator[Reproduced]:
    """Each model's accuracy, verdict for verdict."""
    listed = rows(file(data, "example_model_solutions.jsonl"), "ground_truth")
    truth = [_answer(row["ground_truth"]) for row in listed]
    for model, published in _PUBLISHED.items():
        said = [_answer(row[model]["solution"]) for row in listed]
        right = [_same(a, b) for a, b in zip(said, truth, strict=True)]
        graded = [bool(row[model]["is_correct"]) for row in listed]
        yield Reproduced(f"{model} accuracy", published, sum(right) / len(right), 5e-5)
        differing = sum(a != b for a, b in zip(right, graded, strict=True))
        yield Reproduced(f"{model} verdicts that differ", 0, differing, 0)
    kept = [_voted(row) for row in listed]
    right = [_same(a, b) for a, b in zip(kept, truth, strict=True)]
    by_hand = [_same(_most(row), b) for row, b in zip(listed, truth, strict=True)]
    share = sum(by_hand) / len(by_hand)
    yield Reproduced("majority of the four, counted", share, sum(right) / len(right), 0)


def _answer(text: str) -> str | None:
    fate = Answer(forms=("hashes", "phrase", "number")).decide({"response": text})
    return fate.columns["answer"] if isinstance(fate, Kept) else None


def _same(a: str | None, b: str | None) -> bool:
    return a is not None and b is not None and comparable(a) == comparable(b)


def _voted(row: Mapping[str, Any]) -> str | None:
    """The answer that the stage keeps; None for a tie or where there is none."""
    group = [{"answer": _answer(row[model]["solution"])} for model in _PUBLISHED]
    fates = Majority().decide(group)
    kept = [row["answer"] for row, fate in zip(group, fates, strict=True) if isinstance(fate, Kept)]
    assert kept or all(isinstance(fate, Dropped) for fate in fates)
    return kept[0] if kept else None


def _most(row: Mapping[str, Any]) -> str | None:
    answers = [_answer(row[model]["solution"]) for model in _PUBLISHED]
    counts = Counter(comparable(a) for a in answers if a is not None).most_common()
    tie = len(counts) > 1 and counts[0][1] == counts[1][1]
    return counts[0][0] if counts and not tie else None
