"""Factors of answers: a planted one has a weight of 1, others none; sides do not matter."""

import random
from dataclasses import replace

import pytest

from pipelines.audit.bias import Game
from pipelines.audit.factors import FACTORS
from pipelines.audit.pair_figures import of_pairs
from pipelines.audit.verdicts.pairs import PairRow


def counted(name, text, request="Name three rivers of Europe."):
    return FACTORS[name](request, text)


def test_what_is_counted():
    assert counted("length", "The Po.") == 7
    assert counted("markdown", "# Rivers\n- the **Po**") == 3
    assert counted("numbers", "In 1,024 or 3.5 of 12 cases") == 3
    assert counted("repetition", "The Po, the Po, the Ob") == pytest.approx(3 / 6)
    assert counted("words of the request", "Three RIVERS: Po, Ob, Nile") == pytest.approx(2 / 5)
    assert counted("repetition", "") == counted("words of the request", "x", request="") == 0


def pairs(preference, count=200, swapped=False):
    """Differences of all factors are drawn; what is preferred goes by them."""
    draw = random.Random(5)
    for n in range(count):
        differences = {name: draw.uniform(-1, 1) for name in FACTORS}
        liked = 0.5 + preference(differences) / 2
        if swapped:
            differences, liked = {k: -v for k, v in differences.items()}, 1 - liked
        game = Game(str(n), liked, (5, 5), (0, 0), 0, liked)
        gold = draw.choice([0.0, 1.0])
        yield PairRow(str(n), str(n), [game], [True], ["m"], liked, "chosen", [], differences, gold)


def weights(*arguments, **settings):
    figures = {
        f.name: f.value for f in of_pairs("judge", list(pairs(*arguments, **settings)), ["main"])
    }
    return {name: figures[f"weight of {name}, judge"] for name in FACTORS}


def test_a_planted_factor_has_all_the_weight():
    found = weights(lambda differences: differences["numbers"])
    # The most that tau-b of 200 different numbers with two labels can be.
    most = pytest.approx((100 * 100 / (200 * 199 / 2)) ** 0.5, abs=0.01)
    assert found.pop("numbers") == most
    assert all(abs(weight) < 0.15 for weight in found.values())
    assert -weights(lambda d: -d["repetition"])["repetition"] == most


def test_those_who_decide_alike_have_the_same_weights():
    """However sure the judge is of what people say without a shade."""
    rows = [
        replace(row, gold=float(row.preference > 0.5))
        for row in pairs(lambda differences: 0.1 * differences["length"])
    ]
    found = {f.name: f.value for f in of_pairs("judge", rows, ["main"])}
    for name in FACTORS:
        assert found[f"weight of {name}, judge"] == found[f"weight of {name}, people"]


def test_the_contrary_preference_changes_the_signs():
    found = weights(lambda differences: differences["length"])
    contrary = weights(lambda differences: -differences["length"])
    assert contrary == pytest.approx({name: -weight for name, weight in found.items()})


def test_exchanging_the_sides_of_all_pairs_changes_nothing():
    def liked(differences):
        return 0.7 * differences["length"] + 0.3 * differences["markdown"]

    assert weights(liked, swapped=True) == pytest.approx(weights(liked))
