"""Magpie's published pairs, Self-Instruct's two near duplicates, and FastChat's games.

Magpie: `example_instructions_5res_armorm.json`, five scored answers to each of five instructions;
its notebook pairs the first best with the first worst. Self-Instruct: of the 175 seed tasks two
pairs are above ROUGE-L 0.7. FastChat: a file of pairwise judgments with `g1_winner` and
`g2_winner`, two games in which the models stand in both orders (without one a table of all
outcomes): who wins both wins, else it is a tie, and rows with an error are dropped.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from pipelines.reproduce.figure import Reproduced, file, rows
from pipelines.reproduce.one_table import OneTable
from stages.base import Dropped
from stages.dedup.rouge import Rouge
from stages.judge.pair import agreed
from stages.pair.best_worst import best_worst

_MAGPIE = ((3, 1), (2, 3), (4, 2), (0, 3), (2, 0))
_SIDES = ("chosen", "rejected")
_SEEDS = Path(__file__).parents[2] / "configs/seeds/self_instruct_seed_tasks.jsonl"
_ROUGE = (0.8235, 0.75)


def magpie(data: Path | None) -> Iterator[Reproduced]:
    """Which answers are chosen and rejected."""
    listed = rows(file(data, "example_instructions_5res_armorm.json"), "rewards_armorm")
    for number, (row, pair) in enumerate(zip(listed, _MAGPIE, strict=True)):
        scores = [each["score"] for each in row["rewards_armorm"]]
        for name, published, ours in zip(_SIDES, pair, best_worst(scores), strict=True):
            yield Reproduced(f"row {number} {name}", published, ours, 0)


def rouge(data: Path | None) -> Iterator[Reproduced]:
    """How many of the seed tasks are like an earlier one, and how much."""
    listed = rows(file(data, "seed_tasks.jsonl") if data else _SEEDS, "instruction")
    texts = [row["instruction"] for row in listed]
    table = pa.table({"id": [str(i) for i in range(len(texts))], "instruction": texts})
    fates = list(Rouge().run(OneTable(table), 0))
    found = [fate.detail for fate in fates if isinstance(fate, Dropped)]
    yield Reproduced("pairs above 0.7", len(_ROUGE), len(found), 0)
    for published, detail in zip(_ROUGE, found, strict=False):
        yield Reproduced("their ROUGE-L", published, float(detail.split()[1]), 5e-3)


_GAMES = {"model_1": 1.0, "model_2": 0.0, "tie": 0.5}


def fastchat(data: Path | None) -> Iterator[Reproduced]:
    """Wins, losses and ties of two games each, by `judge.pair`'s rule and by FastChat's."""
    listed = rows(data, "g1_winner", "g2_winner") if data else list(_outcomes())
    games = [row for row in listed if {row["g1_winner"], row["g2_winner"]} <= set(_GAMES)]
    if not games:
        raise ValueError(f"no game is won by one of {', '.join(_GAMES)}")
    ours, theirs = Counter[str](), Counter[str]()
    for row in games:
        ours[_named(agreed([_GAMES[row["g1_winner"]], _GAMES[row["g2_winner"]]]))] += 1
        same = row["g1_winner"] == row["g2_winner"]
        theirs[row["g1_winner"] if same else "tie"] += 1
    for name in _GAMES:
        yield Reproduced(f"{name}: rows", theirs[name], ours[name], 0)


def _outcomes() -> Iterator[Mapping[str, str]]:
    for one, two in itertools.product((*_GAMES, "error"), repeat=2):
        yield {"g1_winner": one, "g2_winner": two}


def _named(said: str) -> str:
    return {"chosen": "model_1", "rejected": "model_2"}.get(said, "tie")
