from stages.base import Dropped, Kept
from stages.filter.disagreement import Disagreement


def test_the_distance_of_two_scores():
    pairs = [(4.0, 3.0), (4.0, 2.9), (None, 3.0), (1.0, 1.0)]
    stage = Disagreement(most=1.0)
    assert [stage.decide({"first": a, "second": b}) for a, b in pairs] == [
        Kept({"disagreement": 1.0}),
        Dropped("filter.disagreement", "4.00 and 2.90"),
        Dropped("filter.not_scored"),
        Kept({"disagreement": 0.0}),
    ]
