"""Instruct-SkillMix's draws, and the constant answer that wins leaderboards.

The released thousand rows draw two of 1,132 skills and one of 16 query types each: 942 skills are
used, two pairs stand twice, and a query type has 44 to 73 rows. Ours draw uniformly by 200 seeds;
the released figure has to lie between their least and their most. (No pair stands twice here, which
is a departure.)

`null_model_outputs.json` of sail-sg/Cheating-LLM-Benchmarks: all of its rows are dropped by
`dedup.answers`; of the models in AlpacaEval's `annotations.parquet`, where it lies beside, at most
one answer in a hundred.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.reproduce.figure import Reproduced, file, rows
from pipelines.reproduce.one_table import OneTable
from stages.base import Derived, Dropped
from stages.dedup.answers import Answers
from stages.skillmix.mix import Mix

_SKILLS, _TYPES, _ROWS, _SEEDS = 1132, 16, 1000, 200


def skillmix(data: Path | None) -> Iterator[Reproduced]:
    """Skills that are used, and rows of the rarest and of the most frequent query type."""
    names = [f"skill {n}" for n in range(_SKILLS)]
    types = [[f"type {n}" for n in range(_TYPES)]] * _SKILLS
    ids = [str(n) for n in range(_SKILLS)]
    table = pa.table({"id": ids, "skill": names, "topic": names, "query_types": types})
    found = [_draws(table, seed) for seed in range(_SEEDS)]
    for name, published, place in (
        ("different skills in 1,000 rows", 942, 0),
        ("rows of the rarest query type", 44, 1),
        ("rows of the most frequent one", 73, 2),
    ):
        ours = [each[place] for each in found]
        middle, reach = (min(ours) + max(ours)) / 2, (max(ours) - min(ours)) / 2
        yield Reproduced(name, published, middle, reach)


def _draws(table: pa.Table, seed: int) -> tuple[int, int, int]:
    fates = Mix(rows=_ROWS).run(OneTable(table), seed)
    made = [row for fate in fates if isinstance(fate, Derived) for row in fate.rows]
    kinds = Counter(row["query_type"] for row in made).values()
    return len({skill for row in made for skill in row["skills"]}), min(kinds), max(kinds)


def null_model(data: Path | None) -> Iterator[Reproduced]:
    """The share of answers that `dedup.answers` drops."""
    given = file(data, "null_model_outputs.json")
    outputs = rows(given, "instruction", "output")
    yield Reproduced("null model, answers dropped", 1.0, _dropped(outputs), 0)
    beside = given.parent.parent / "alpaca_eval/annotations.parquet"
    if not beside.is_file():
        return
    models = defaultdict(list)
    for row in rows(beside, "model", "instruction", "output", "glm_preference"):
        if row["glm_preference"] is None:
            models[row["model"]].append(row)
    for model, answers in sorted(models.items()):
        null = model == "NullModel"
        published, within = (1.0, 0.0) if null else (0.0, 0.01)
        yield Reproduced(f"{model}, answers dropped", published, _dropped(answers), within)


def _dropped(listed: Sequence[dict[str, Any]]) -> float:
    asked, said = ([row[name] for row in listed] for name in ("instruction", "output"))
    table = pa.table({"instruction": asked, "response": said})
    fates = list(Answers().run(OneTable(table), 0))
    return sum(isinstance(fate, Dropped) for fate in fates) / len(fates)
