"""Fates become rows; every input row has exactly one."""

import pyarrow as pa
import pytest

from pipelines.execution.shards.fates import settle
from pipelines.plan.steps import IDENTITY, Step
from pipelines.recipe.renaming import Renaming
from stages.base import Derived, Dropped, Failed, Kept, RowStage
from stages.errors import RunError


class Stage(RowStage):
    @property
    def derives(self):
        return True

    @property
    def needs(self):
        return ("a",)

    @property
    def adds(self):
        return {"a": pa.string(), "b": pa.int64()}

    @property
    def removes(self):
        return ("c",)


STEP = Step(
    "stage",
    Renaming(Stage(), {}),
    None,
    {},
    "f" * 64,
    columns=IDENTITY | {"a": pa.string(), "d": pa.int64(), "b": pa.int64()},
    coming=IDENTITY | {"a": pa.string(), "c": pa.int64(), "d": pa.int64()},
)


@pytest.fixture
def table(as_table):
    return as_table([{"a": f"a{i}", "c": i, "d": 10 * i} for i in range(5)])


def test_one_of_each(table):
    settled = settle(
        STEP,
        table,
        [
            Kept({"b": 1}),
            Derived(({"a": "child"}, {"b": 7}), parent={"b": 2}),
            Dropped("why", "this"),
            Failed("error", "that"),
            Derived(),
        ],
    )
    rows = settled.rows.to_pylist()
    assert [(r["a"], r["b"], r["d"]) for r in rows] == [
        ("a0", 1, 0),
        ("a1", 2, 10),
        ("child", None, 10),
        ("a1", 7, 10),
    ]
    assert [r["parents"] for r in rows] == [[], [], ["row1"], ["row1"]]
    assert "c" not in rows[0]
    assert len({r["id"] for r in rows}) == 4
    counts = settled.counts
    assert counts.add_up()
    assert (counts.input, counts.output, counts.dropped, counts.failed) == (5, 4, 1, 1)
    assert settled.reasons == {"why": 1, "error": 1}
    gone = settled.rejected.to_pylist()
    assert [(g["id"], g["fate"], g["reason"]) for g in gone] == [
        ("row2", "dropped", "why"),
        ("row3", "failed", "error"),
    ]
    assert '"a": "a2"' in gone[0]["row"]


def test_ids_of_children_depend_on_parents_and_position_only(table):
    fates = [Derived(({"a": "x"}, {"a": "y"}))] + [Kept()] * 4
    again = [Derived(({"a": "other"}, {"a": "words"}))] + [Kept()] * 4
    first, second = (settle(STEP, table, f).rows["id"].to_pylist() for f in (fates, again))
    assert first == second


def test_children_of_several_parents(table):
    child = {"parents": ["row0", "row1"], "a": "pair"}
    fates = [Derived((child,)), Derived()] + [Dropped("x")] * 3
    (row,) = settle(STEP, table, fates).rows.to_pylist()
    assert row["parents"] == ["row0", "row1"]


def test_two_fates_that_name_the_same_parents_make_two_rows(table):
    child = {"parents": ["row0", "row1"], "a": "pair"}
    fates = [Derived((child, child)), Derived((child,))] + [Dropped("x")] * 3
    rows = settle(STEP, table, fates).rows.to_pylist()
    assert len({row["id"] for row in rows}) == 3
    # Shards of one set stage are settled one by one, under the same step.
    alone = settle(STEP, table.slice(1, 1), [Derived((child,))]).rows.to_pylist()
    assert alone[0]["id"] == rows[2]["id"]


def test_new_rows_of_a_stage_that_makes_none_are_refused(table):
    class Plain(Stage):
        @property
        def derives(self):
            return False

    step = Step("stage", Renaming(Plain(), {}), None, {}, "f" * 64, STEP.columns, STEP.coming)
    with pytest.raises(RunError, match="`derives`"):
        settle(step, table, [Derived(({"a": "x"},))] + [Kept()] * 4)


@pytest.mark.parametrize("count", [0, 4, 6])
def test_a_wrong_number_of_fates_is_refused(table, count):
    with pytest.raises(RunError, match="fates for 5 rows"):
        settle(STEP, table, [Kept()] * count)


def test_a_column_nobody_declared_is_refused(table):
    with pytest.raises(RunError, match="columns it does not add: z"):
        settle(STEP, table, [Kept({"z": 1})] * 5)


def test_a_value_of_another_type_is_one_cause(table):
    with pytest.raises(RunError, match=r"wrote what is no string into the column 'a' \(") as error:
        settle(STEP, table, [Kept({"a": 3})] + [Kept()] * 4)
    assert "bug of the stage" in error.value.remedy


def test_no_rows(table):
    settled = settle(STEP, table.slice(0, 0), [])
    assert settled.rows.num_rows == 0
    assert settled.rows.schema.equals(STEP.schema)


def test_embeddings_are_left_out_of_rejected_rows(as_table):
    vectors = pa.list_(pa.float32())
    table = as_table([{"a": "x", "d": 1, "embedding": [0.5, 0.5]}], embedding=vectors)
    (gone,) = settle(STEP, table, [Dropped("why")]).rejected.to_pylist()
    assert "embedding" not in gone["row"]
