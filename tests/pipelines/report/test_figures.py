"""The report's charts are written as JSON; Plotly itself says whether it is its own."""

import plotly.graph_objects as go
import pytest

from pipelines.report import figures

STAGES = [{"stage": "a", "rows_in": 5, "rows_out": 3, "dropped": 2, "failed": 0}]
REASONS = [{"stage": "a", "rows": 2, "reason": "filter.<b>"}]
MAPPED = [{"x": 0.5, "y": -1.0, "status": "duplicate", "text": "a < b"}]
DATASET = [
    {"instruction": 30, "response": 700_000, "task_category": "maths", "difficulty": "easy"},
    {"instruction": 12, "response": None, "task_category": "maths", "difficulty": None},
]
CHARTS = {
    "funnel": figures.funnel(STAGES, REASONS),
    "map": figures.embedding_map(MAPPED),
    "scores": figures.scores([{"score": 4.25}, {"score": 1}]),
    "lengths": figures.lengths(DATASET),
    "categories": figures.categories(DATASET),
}


@pytest.mark.parametrize("name", CHARTS)
def test_plotly_takes_it(name):
    # A name or a value that Plotly does not know raises ValueError.
    figure = go.Figure(CHARTS[name])
    assert len(figure.data) == len(CHARTS[name]["data"]) > 0
    assert figure.layout.height > 0


def test_values_are_drawn_whole():
    assert [trace["x"] for trace in CHARTS["lengths"]["data"]] == [[30, 12], [700_000]]
    assert CHARTS["scores"]["data"][0]["x"] == [4.25, 1]


def test_what_rows_say_is_no_markup():
    assert CHARTS["funnel"]["data"][0]["customdata"] == ["<br>2 filter.&lt;b&gt;"]
    assert CHARTS["map"]["data"][1]["hovertext"] == ["a &lt; b"]


def test_where_there_is_nothing_there_is_no_chart():
    assert figures.funnel([], []) is None
    assert figures.embedding_map([]) is None
    assert figures.scores([]) is None
    assert figures.lengths([{"instruction": None}]) is None
    assert figures.categories([{"instruction": 3}]) is None
