"""AlpacaEval's win rates, their standard errors, and the length-controlled rates.

Files: `annotations.parquet` with the columns model, preference (1 the baseline, 2 the model) and
glm_preference, `leaderboard.csv`, and `length_control_weights.csv` for the second. A win rate is
the mean of preference - 1, its error the standard deviation over the root of the count. The
length-controlled rate (arXiv:2404.04475) is that of a logistic model at equal length, of which the
difficulty of each instruction is recovered from one model's predictions: of the 199 models two are
further off than 0.05, which their published weights do not explain.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from pipelines.reproduce.figure import Reproduced, file, rows

_DIFFICULTY, _MODEL = "instruction_difficulty", "not_gamed_baseline.astype(float)"
_KNOWN_TO_DIFFER = {"dbrx-instruct", "NullModel"}


def win_rate(preferences: Sequence[float]) -> tuple[float, float]:
    """In percent, with its standard error, of preferences from 1 (baseline) to 2 (model)."""
    wins = [100 * (preference - 1) for preference in preferences]
    return fmean(wins), stdev(wins) / math.sqrt(len(wins))


def win_rates(data: Path | None) -> Iterator[Reproduced]:
    """Each model's rate and error against the leaderboard's."""
    board = _by_model(rows(_beside(data, "leaderboard.csv"), "win_rate", "standard_error"))
    found = defaultdict(list)
    for row in rows(file(data, "annotations.parquet"), "model", "preference", "glm_preference"):
        if row["preference"] is not None and row["glm_preference"] is None:
            found[row["model"]].append(row["preference"])
    for model, preferences in sorted(found.items()):
        if model in board:
            rate, error = win_rate(preferences)
            yield Reproduced(f"{model} win rate", float(board[model]["win_rate"]), rate, 1e-6)
            published = float(board[model]["standard_error"])
            yield Reproduced(f"{model} standard error", published, error, 1e-6)


def length_controlled(data: Path | None) -> Iterator[Reproduced]:
    """Each model's length-controlled rate, from its weights and the recovered difficulties."""
    board = _by_model(rows(_beside(data, "leaderboard.csv"), "length_controlled_winrate"))
    weights = _by_model(rows(_beside(data, "length_control_weights.csv"), _DIFFICULTY, _MODEL))
    difficulties = _difficulties(rows(file(data, "annotations.parquet"), "glm_preference"), weights)
    for model, weight in sorted(weights.items()):
        published = board.get(model, {}).get("length_controlled_winrate")
        if published:
            slope, base = float(weight[_DIFFICULTY]), float(weight[_MODEL])
            ours = 100 * fmean(_sigmoid(base + slope * each) for each in difficulties)
            within = 0.2 if model in _KNOWN_TO_DIFFER else 0.05
            named = f"{model} (apart from its weights)" if model in _KNOWN_TO_DIFFER else model
            yield Reproduced(named, float(published), ours, within)


def _difficulties(
    annotations: Sequence[Mapping[str, Any]], weights: Mapping[str, Mapping[str, Any]]
) -> list[float]:
    """Of the first model that has predictions, solved for the difficulty of each instruction."""
    predicted = [row for row in annotations if row["glm_preference"] is not None]
    model = predicted[0]["model"]
    slope, base = float(weights[model][_DIFFICULTY]), float(weights[model][_MODEL])
    own = [row["glm_preference"] for row in predicted if row["model"] == model]
    return [(math.log(p / (1 - p)) - base) / slope for p in own]


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def _beside(data: Path | None, name: str) -> Path:
    given = file(data, name)
    return given if given.name == name else given.with_name(name)


def _by_model(listed: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The first column names the model."""
    return {str(next(iter(row.values()))): row for row in listed}
