"""A row of each of several columns."""

import pytest

from stages.mix.unpivot import Unpivot


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
