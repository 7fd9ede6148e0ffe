"""The card's pictures: a hub shows files, so these are drawn without a browser.

The same numbers as the report's charts, in the same colours.
"""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from pipelines.publish.numbers import Numbers
from pipelines.report.figures import DROPPED, FAILED, KEPT

_BLUE = "#4c78a8"
_INK = "#1d2530"
_COLORS = (_BLUE, KEPT, DROPPED, FAILED)


def draw(numbers: Numbers, folder: Path) -> list[str]:
    """Draw what there is to show into `folder`; the names of the files."""
    folder.mkdir()
    lengths = {k: v for k, v in numbers.values.items() if "characters" in k and v}
    scores = {k: v for k, v in numbers.values.items() if "characters" not in k and v}
    with mpl.rc_context({"font.size": 10, "font.family": "DejaVu Sans", "text.color": _INK}):
        made = {"funnel.png": _funnel(numbers)}
        if scores:
            made["scores.png"] = _histogram(scores, "score, 1 to 5", limits=(1, 5))
        if lengths:
            plain = {name.removesuffix(" (characters)"): v for name, v in lengths.items()}
            made["lengths.png"] = _histogram(plain, "characters")
    for name, figure in made.items():
        # No date and no version inside: the same run gives the same bytes.
        figure.savefig(folder / name, dpi=120, facecolor="white", metadata={"Software": None})
    return list(made)


def _figure(width: float, height: float) -> tuple[Figure, "mpl.axes.Axes"]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0)
    return figure, axes


def _funnel(numbers: Numbers) -> Figure:
    """Rows that go on, drop out and fail, per stage from top to bottom."""
    stages = numbers.stages
    figure, axes = _figure(8, 1.0 + 0.36 * len(stages))
    names = [stage["stage"] for stage in stages]
    left = [0] * len(stages)
    for label, column, color in (
        ("go on", "rows_out", KEPT), ("dropped", "dropped", DROPPED), ("failed", "failed", FAILED)
    ):  # fmt: skip
        values = [stage[column] for stage in stages]
        if any(values):
            bars = axes.barh(names, values, left=left, color=color, label=label, height=0.72)
            axes.bar_label(bars, [str(v) if v else "" for v in values], label_type="center",
                           color="white", fontsize=9)  # fmt: skip
        left = [a + b for a, b in zip(left, values, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel("rows")
    figure.legend(loc="outside upper right", ncols=3, frameon=False)
    return figure


def _histogram(
    values: dict[str, list[float]], label: str, limits: tuple[float, float] | None = None
) -> Figure:
    figure, axes = _figure(8, 2.8)
    bounds = limits or (0.0, max(max(found) for found in values.values()))
    for (name, found), color in zip(values.items(), _COLORS, strict=False):
        axes.hist(found, bins=20, range=bounds, color=color, alpha=0.65, label=name)
    axes.set_xlabel(label)
    axes.set_ylabel("rows")
    if limits:
        axes.set_xlim(*limits)
    figure.legend(loc="outside upper right", ncols=len(values), frameon=False)
    return figure
