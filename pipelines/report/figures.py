"""The report's charts, as Plotly's JSON without colours of their own background or text.

The page sets those for light and dark. Each function returns None where there is nothing to show.
Plain values and not Plotly's own objects, whose import takes longer than all else of a short run's
report; the tests have Plotly check them.
"""

import html
from collections import Counter
from collections.abc import Sequence
from typing import Any

Rows = Sequence[dict[str, Any]]
Chart = dict[str, Any]
"""`data` and `layout`, as `plotly.graph_objects.Figure` takes them."""

KEPT, DROPPED, FAILED = "#2a9d8f", "#e9a23b", "#d1495b"
_BLUE, _GREY = "#4c78a8", "#9aa5b1"
_STATUS = {"in the dataset": KEPT, "duplicate": FAILED, "not chosen": _GREY}
_RAMP = ("#cfe8e4", "#9fd1c9", "#5fb3a7", "#2a9d8f", "#17635b")
_DIFFICULTIES = ("very easy", "easy", "medium", "hard", "very hard")


def funnel(stages: Rows, reasons: Rows) -> Chart | None:
    """Rows that go on, drop out and fail, per stage from top to bottom."""
    done = [stage for stage in stages if stage["rows_in"]]
    if not done:
        return None
    names = [stage["stage"] for stage in done]
    why = [_reasons(name, reasons) for name in names]
    data = []
    for label, column, color in (
        ("go on", "rows_out", KEPT),
        ("dropped", "dropped", DROPPED),
        ("failed", "failed", FAILED),
    ):
        values = [stage[column] for stage in done]
        texts = [str(value) if value else "" for value in values]
        data.append({
            "type": "bar", "y": names, "x": values, "name": label, "orientation": "h",
            "text": texts, "textposition": "inside", "insidetextanchor": "middle",
            "textangle": 0, "marker": {"color": color}, "customdata": why,
            "hovertemplate": "%{y}: %{x} " + label + "%{customdata}<extra></extra>",
        })  # fmt: skip
    x, y = {"title": {"text": "rows"}, "rangemode": "tozero"}, {"autorange": "reversed"}
    return _chart(data, x, y, legend=True, barmode="stack", height=90 + 34 * len(done), bargap=0.25)


def _reasons(stage: str, reasons: Rows) -> str:
    lines = [f"{r['rows']} {html.escape(r['reason'])}" for r in reasons if r["stage"] == stage]
    return "<br>" + "<br>".join(lines) if lines else ""


def lengths(dataset: Rows) -> Chart | None:
    """Characters of instructions and responses in the dataset."""
    data = []
    for column, color in (("instruction", _BLUE), ("response", KEPT)):
        values = [row[column] for row in dataset if row.get(column)]
        if values:
            data.append({
                "type": "histogram", "x": values, "name": column,
                "marker": {"color": color}, "opacity": 0.8, "bingroup": "characters",
            })  # fmt: skip
    if not data:
        return None
    x, y = {"title": {"text": "characters"}, "rangemode": "tozero"}, {"title": {"text": "rows"}}
    return _chart(data, x, y, legend=True, barmode="overlay", height=280)


def scores(judged: Rows) -> Chart | None:
    """The judge's scores of all rows it graded, kept or not."""
    if not judged:
        return None
    data = {
        "type": "histogram", "x": [row["score"] for row in judged],
        "marker": {"color": _BLUE}, "xbins": {"start": 1, "end": 5, "size": 0.2},
    }  # fmt: skip
    x = {"title": {"text": "score, 1 to 5"}, "range": [0.9, 5.1]}
    return _chart([data], x, {"title": {"text": "rows"}}, height=280)


def categories(dataset: Rows) -> Chart | None:
    """Task categories in the dataset, by difficulty."""
    if not dataset or "task_category" not in dataset[0]:
        return None
    total = Counter(row["task_category"] for row in dataset)
    names = [name for name, _ in total.most_common()]
    data = []
    for difficulty, color in zip(_DIFFICULTIES, _RAMP, strict=True):
        found = Counter(
            row["task_category"] for row in dataset if row.get("difficulty") == difficulty
        )
        if found:
            values = [found[name] for name in names]
            data.append({
                "type": "bar", "y": names, "x": values, "name": difficulty, "orientation": "h",
                "marker": {"color": color},
            })  # fmt: skip
    x: Chart = {"title": {"text": "rows"}, "rangemode": "tozero"}
    x |= {"dtick": 1} if max(total.values()) < 12 else {}
    y, height = {"autorange": "reversed"}, 120 + 28 * len(names)
    return _chart(data, x, y, legend=True, barmode="stack", height=height)


def embedding_map(mapped: Rows) -> Chart | None:
    """Rows by the likeness of their embeddings; duplicates and the dataset's rows marked."""
    if not mapped:
        return None
    data = []
    for status in ("not chosen", "duplicate", "in the dataset"):
        rows = [row for row in mapped if row["status"] == status]
        symbol = "x" if status == "duplicate" else "circle"
        data.append({
            "type": "scatter", "x": [row["x"] for row in rows], "y": [row["y"] for row in rows],
            "mode": "markers", "name": f"{status} ({len(rows)})", "hoverinfo": "text",
            "hovertext": [_wrapped(row["text"] or "") for row in rows],
            "marker": {"color": _STATUS[status], "size": 9, "symbol": symbol, "opacity": 0.85},
        })  # fmt: skip
    # Neither axis has a unit: only nearness means something.
    bare = {"showticklabels": False, "showgrid": False, "zeroline": False, "ticks": ""}
    return _chart(data, bare, bare, legend=True, height=460, hovermode="closest")


def _wrapped(text: str, width: int = 60) -> str:
    """Hover text: Plotly reads tags in it, so the row's own are escaped."""
    lines, line = [], ""
    for word in html.escape(text[:400]).split():
        if len(line) + len(word) > width:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    return "<br>".join([*lines, line])


def _chart(data: list[Chart], x: Chart, y: Chart, *, legend: bool = False, **layout: Any) -> Chart:
    """Traces between their axes."""
    return {"data": data, "layout": {
        **layout, "xaxis": {**x, "automargin": True}, "yaxis": {**y, "automargin": True},
        "showlegend": legend, "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 8, "r": 12, "t": 36 if legend else 12, "b": 44},
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0,
                   "traceorder": "normal"},
        "font": {"family": "system-ui, sans-serif", "size": 13},
    }}  # fmt: skip
