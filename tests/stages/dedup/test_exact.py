from stages.base import Annotated, Dropped
from stages.dedup.exact import Exact


def fates(reader, *tables):
    return list(Exact().run(reader(*tables), seed=0))


def test_the_first_of_alike_stays_across_shards(as_table, reader):
    first = as_table([{"instruction": "Name three rivers."}, {"instruction": "Name two lakes."}])
    second = as_table(
        [{"id": "x", "instruction": "name  THREE rivers"}, {"id": "y", "instruction": "No more."}]
    )
    assert fates(reader, first, second) == [
        Annotated(),
        Annotated(),
        Dropped("dedup.exact", "same as row0"),
        Annotated(),
    ]


def test_punctuation_alone_is_compared_as_it_stands(as_table, reader):
    table = as_table([{"instruction": "?"}, {"instruction": "!"}, {"instruction": "?"}])
    assert fates(reader, table) == [
        Annotated(),
        Annotated(),
        Dropped("dedup.exact", "same as row0"),
    ]


def test_unicode_forms_count_as_the_same(as_table, reader):
    table = as_table([{"instruction": "Café"}, {"instruction": "Cafe\u0301"}])
    assert isinstance(fates(reader, table)[1], Dropped)
