"""Triples of a ranked set."""

from stages.pair.triple import Triple


def triple(responses, scores):
    return Triple().decide({"responses": responses, "scores": scores})


def test_the_best_the_second_and_the_last():
    taken = triple(["a", "b", "c", "d"], [4.0, 3.0, 2.0, 0.5]).columns
    assert (taken["reference"], taken["chosen"], taken["rejected"]) == ("a", "b", "d")
    scores = [taken[f"{side}_score"] for side in ("reference", "chosen", "rejected")]
    assert (scores, taken["margin"]) == ([4.0, 3.0, 0.5], 2.5)
    assert triple(["a", "b", "c"], [4.0, 3.0, 3.0]).reason == "pair.tie"
    assert triple(["a", "b"], [4.0, 3.0]).reason == "pair.too_few"
    assert triple(None, None).reason == "pair.too_few"
    for scores in ([1.0, 2.0, 3.0], [4.0, 3.0], [3.0, float("nan"), 1.0], None, [3.0, None, 1.0]):
        assert triple(["a", "b", "c"], scores).reason == "pair.misfit"
