"""What is decided where rows of several chains come together."""

from collections import Counter

import pyarrow as pa
import pytest

from stages.base import Dropped, Kept
from stages.decontaminate.neighbours import Neighbours
from stages.mix.concat import Concat
from stages.mix.pool import Pool
from stages.select.first import First
from stages.select.quota import Quota

VECTORS = pa.list_(pa.float32())


@pytest.mark.parametrize("stage", [Concat(of=("a",)), Pool()])
def test_every_row_goes_on(stage):
    assert stage.decide({"chain": "a"}) == Kept()


def test_the_first_are_kept_over_shards(as_table, reader):
    fates = list(First(rows=3).run(reader(as_table([{}] * 2), as_table([{}] * 3)), 0))
    assert [type(fate) for fate in fates] == [Kept] * 3 + [Dropped] * 2
    assert First(rows=3).max_rows(9) == 3


def test_quotas_are_drawn_by_the_seed(as_table, reader):
    table = as_table([{"chain": c} for c in "aaaaaaaabbb"] + [{"chain": None}])
    stage = Quota(quotas={"a": 3, "b": 5})

    def kept(seed):
        fates = list(stage.run(reader(table), seed))
        return [i for i, fate in enumerate(fates) if isinstance(fate, Kept)], fates

    (first, fates), (second, _) = kept(1), kept(2)
    assert kept(1)[0] == first != second
    assert Counter(table["chain"][i].as_py() for i in first) == {"a": 3, "b": 3}
    assert fates[-1] == Dropped("select.no_quota", "None")
    assert stage.max_rows(100) == 8


@pytest.mark.parametrize("values", [[4.0, 5.0, None], [4, 5, None], ["4", "5", None]])
def test_quotas_of_numbers_go_by_their_digits(as_table, reader, values):
    fates = list(Quota(quotas={"4": 1}).run(reader(as_table([{"chain": v} for v in values])), 1))
    assert fates == [Kept(), Dropped("select.no_quota", "5"), Dropped("select.no_quota", "None")]


def test_the_nearest_of_all_chains_counts(as_table, reader):
    def table(*vectors):
        return as_table([{"embedding": list(v)} for v in vectors], embedding=VECTORS)

    rows = reader(
        table((1, 0), (0, 1), (0.6, 0.8), (0, 0)),
        near=table((0.8, 0.6)), far=table((0, -1), (0, 1)),
    )  # fmt: skip
    fates = list(Neighbours(against=("near", "far"), threshold=0.95).run(rows, 0))
    assert fates[1] == Dropped("decontaminate.neighbours", "cosine 1.00 with row1 of far")
    assert fates[2] == Dropped("decontaminate.neighbours", "cosine 0.96 with row0 of near")
    assert fates[0].columns["neighbour_cosine"] == pytest.approx(0.8)
    # A row without a vector is like no other.
    assert fates[3].columns["neighbour_cosine"] == 0


def test_nothing_to_compare_with(as_table, reader):
    table = as_table([{"embedding": [1.0, 0.0]}], embedding=VECTORS)
    (fate,) = Neighbours(against=("none",)).run(reader(table, none=table.slice(0, 0)), 0)
    assert fate == Kept({"neighbour_cosine": None})


def test_embeddings_of_two_models_are_no_match(as_table, reader):
    two = as_table([{"embedding": [1.0, 0.0]}], embedding=VECTORS)
    three = as_table([{"embedding": [1.0, 0.0, 0.0]}], embedding=VECTORS)
    with pytest.raises(ValueError, match="2 and 3 dimensions: embed both by one model"):
        list(Neighbours(against=("other",)).run(reader(two, other=three), 0))
