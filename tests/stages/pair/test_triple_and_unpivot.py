"""Triples of a ranked set, and rows of columns."""

import pytest

from stages.mix.unpivot import Unpivot
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


def test_a_row_of_each_column():
    stage = Unpivot(of=("first", "second", "own"))
    fate = stage.decide({"first": "a", "second": None, "own": "c"})
    assert fate.rows == (
        {"response": "a", "response_of": "first"},
        {"response": "c", "response_of": "own"},
    )
    assert stage.removes == ("first", "second", "own")
    assert stage.decide(dict.fromkeys(stage.of)).reason == "mix.nothing"
    assert stage.decide({"first": 3, "second": None, "own": None}).reason == "mix.misfit"
    with pytest.raises(ValueError, match="stands there twice"):
        Unpivot(of=("first", "first"))
    # A column may stay the one that texts go to.
    assert Unpivot(of=("response", "own")).removes == ("own",)
