from collections import Counter

from stages.evolve.rewrite import OPERATORS, Rewrite


def test_operators_are_drawn_uniformly_and_again_the_same():
    drawn = [Rewrite().operator({"id": f"row{i}", "generation": 0}) for i in range(1200)]
    again = [Rewrite().operator({"id": f"row{i}", "generation": 0}) for i in range(1200)]
    assert drawn == again
    counts = Counter(drawn)
    # Chi-square with 5 degrees of freedom: above 20.5 in one of a thousand.
    assert sum((counts[o] - 200) ** 2 / 200 for o in OPERATORS) < 20.5
