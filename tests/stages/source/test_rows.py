"""Columns of any kind from a file, and what happens where a value is of another kind."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.store.query.catalog import query
from stages.errors import UserError
from stages.source.rows import Rows

TURNS = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]
LINES = [
    {"q": "Name a river.", "score": 3, "tags": ["a", "b"], "turns": TURNS, "ok": True, "more": 1},
    {"q": None, "score": 2.5, "tags": [], "turns": [], "ok": False},
]
TAKE = {"q": "text", "score": "number", "tags": "texts", "turns": "messages", "ok": "boolean"}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return path


def test_it_takes_what_it_is_told(path):
    first, second = Rows(path=path, take=TAKE).initial_rows()
    assert first == {
        "q": "Name a river.", "score": 3.0, "tags": ["a", "b"], "turns": TURNS, "ok": True,
    }  # fmt: skip
    assert second["q"] is None
    assert second["score"] == 2.5


def test_parquet_gives_the_same(path, tmp_path):
    other = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(LINES), other)
    take = {k: v for k, v in TAKE.items() if k != "turns"}
    assert list(Rows(path=other, take=take).initial_rows()) == list(
        Rows(path=path, take=take).initial_rows()
    )


@pytest.mark.parametrize(
    ("take", "cause"),
    [
        ({"nothing": "text"}, "row 1 lacks 'nothing' .it has: q, score"),
        ({"q": "number"}, "row 1 has a str for 'q', which is no number"),
        ({"tags": "text"}, "row 1 has a list for 'tags', which is no text"),
        ({"score": "integer"}, "row 2 has a float for 'score', which is no integer"),
        ({"score": "text"}, "row 1 has a int for 'score', which is no text"),
        ({"more": "integer"}, "row 2 lacks 'more'"),
        ({"q": "messages"}, "row 1 has a str for 'q', which is no messages"),
        ({"tags": "numbers"}, "row 1 has a list with 'a' for 'tags', which is no numbers"),
        ({"tags": "messages"}, "row 1 has a list for 'tags', which is no messages"),
        ({"ok": "number"}, "row 1 has a bool for 'ok', which is no number"),
    ],
)
def test_a_value_of_another_kind_is_named(path, take, cause):
    with pytest.raises(UserError, match=cause):
        list(Rows(path=path, take=take).initial_rows())


def test_rows_that_have_answers_are_judged(path, small_recipe, run_recipe):
    lines = [{"question": f"Say {i}.", "answer": f"It is {i}."} for i in range(10)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    names = {"question": "instruction", "answer": "response"}
    stages = [
        {"use": "source.rows", "path": str(path), "take": dict.fromkeys(names, "text"),
         "columns": names},
        {"use": "judge.quality"},
        {"use": "dialogue.from_pair"},
        {"use": "dialogue.to_text"},
    ]  # fmt: skip
    run, store = run_recipe(small_recipe(stages=stages))
    rows = query(store, run, "SELECT * FROM dataset").to_pylist()
    assert {(row["instruction"], row["response"]) for row in rows} == {
        (line["question"], line["answer"]) for line in lines
    }
    assert all(1 <= row["score"] <= 5 for row in rows)
    assert rows[0]["transcript"] == "user: Say 0.\n\nassistant: It is 0."
    assert rows[0]["last_answer"] == "It is 0."
    assert [turn["role"] for turn in rows[0]["messages"]] == ["user", "assistant"]


def test_a_plan_finds_a_column_that_is_not_there(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"q": "Name a river."}\n' * 3)
    with pytest.raises(UserError, match="row 1 lacks 'question'"):
        Rows(path=str(path), take={"question": "text"}).count_initial_rows()
    assert Rows(path=str(path), take={"q": "text"}).count_initial_rows() == 3
