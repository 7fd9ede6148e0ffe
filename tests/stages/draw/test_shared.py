"""All rows get the same lists, in the chain's order, and questions stay with their answers."""

import pytest

from stages.draw.shared import Shared
from stages.errors import RunError

TAKE = {"anchors": "instruction", "anchor_answers": "response"}


def drawn(given, reader, as_table, rows=2):
    chain = as_table([{"instruction": q, "response": a} for q, a in given])
    stage = Shared(of="anchors", take=TAKE, rows=rows)
    return [fate.columns for fate in stage.run(reader(as_table([{}, {}]), anchors=chain), 1)]


def test_the_first_rows_that_are_whole(reader, as_table):
    given = [("a", "1"), ("b", None), ("c", "3"), ("d", "4")]
    assert (
        drawn(given, reader, as_table)
        == [{"anchors": ["a", "c"], "anchor_answers": ["1", "3"]}] * 2
    )
    assert drawn(given[:2], reader, as_table)[0] == {"anchors": ["a"], "anchor_answers": ["1"]}


def test_numbers_are_no_texts(reader, as_table):
    with pytest.raises(RunError, match="'response' of the chain 'anchors' holds 0, no text"):
        drawn([("a", 0)], reader, as_table)


def test_an_empty_chain_gives_empty_lists(reader, as_table):
    assert drawn([("a", None)], reader, as_table)[1] == {"anchors": [], "anchor_answers": []}
