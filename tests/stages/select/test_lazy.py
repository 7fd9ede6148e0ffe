"""Lazy selection chooses what the plain rule chooses, row for row."""

import numpy as np
import pytest

from stages.select import quality_diversity
from stages.select.quality_diversity import QualityDiversity, quality_ranks


def plainly(stage, quality, vectors):
    distance, free, chosen = np.ones(len(quality)), np.ones(len(quality), dtype=bool), []
    for _ in range(min(stage.rows, len(quality))):
        gain = stage.quality * quality + (1 - stage.quality) * distance
        best = int(np.argmax(np.where(free, gain, -np.inf)))
        chosen.append(best)
        free[best] = False
        distance = np.minimum(distance, 1 - vectors @ vectors[best])
    return chosen


@pytest.mark.parametrize("few", [1, 7, 512])
@pytest.mark.parametrize("quality", [0.0, 0.5, 1.0])
def test_as_the_plain_rule(monkeypatch, few, quality):
    monkeypatch.setattr(quality_diversity, "_FEW", few)
    draw = np.random.default_rng(few)
    # Multiples of an eighth: sums of products are exact, so ties are ties in any order of adding.
    vectors = (draw.integers(-2, 3, (300, 8)) / 8).astype(np.float32)
    scores = quality_ranks([float(n) for n in draw.integers(1, 6, 300)])
    stage = QualityDiversity(rows=120, quality=quality)
    found = stage._choose(scores, vectors)
    assert sorted(found, key=lambda i: found[i][0]) == plainly(stage, scores, vectors)
