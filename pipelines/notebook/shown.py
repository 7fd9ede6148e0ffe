"""What a notebook shows of a query's rows and of a row's history."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stages.errors import UserError
from stages.shared.unicode import visible

if TYPE_CHECKING:
    import pandas
    import polars

    from pipelines.store.query.lineage import Event

_ROWS = 20
_CHARACTERS = 400


@cache
def _environment() -> Environment:
    # Row text is data: everything is escaped.
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )


def page(template: str, **values: object) -> str:
    """A template of this folder as HTML."""
    return _environment().get_template(template).render(values)


@dataclass(frozen=True, slots=True, repr=False)
class Result:
    """Rows in Arrow. Libraries that read the Arrow PyCapsule interface take it as it is."""

    table: pa.Table

    def to_arrow(self) -> pa.Table:
        """The rows as they are."""
        return self.table

    def to_pandas(self) -> "pandas.DataFrame":
        """A copy for pandas."""
        frame: pandas.DataFrame = self.table.to_pandas()
        return frame

    def to_polars(self) -> "polars.DataFrame":
        """The rows for polars.

        Raises:
            UserError: polars is not installed.
        """
        try:
            import polars
        except ImportError:
            raise UserError("polars is not installed", "Run `pip install polars`.") from None
        frame = polars.from_arrow(self.table)
        assert isinstance(frame, polars.DataFrame)
        return frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The Arrow PyCapsule interface."""
        return self.table.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        """How many rows."""
        return int(self.table.num_rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Rows as dictionaries."""
        for batch in self.table.to_batches():
            yield from batch.to_pylist()

    def __repr__(self) -> str:
        """The first rows as text."""
        cut = self.table.slice(0, _ROWS).to_pylist()
        lines = [f"{len(self)} rows: {', '.join(self.table.column_names)}"]
        return "\n".join([*lines, *(" | ".join(map(short, row.values())) for row in cut)])

    def _repr_html_(self) -> str:
        head = self.table.slice(0, _ROWS).to_pylist()
        return page("rows.html.j2", columns=self.table.column_names, rows=head, total=len(self),
                    cell=cell, number=_is_number)  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False)
class History:
    """What each step made of a row and of its ancestors."""

    events: "tuple[Event, ...]"

    def __len__(self) -> int:
        """How many events."""
        return len(self.events)

    def __iter__(self) -> "Iterator[Event]":
        """The events in the order of the steps."""
        return iter(self.events)

    def __repr__(self) -> str:
        """A line per event, its columns below."""
        lines = []
        for event in self.events:
            lines.append(f"{event.stage}  {event.fate}  {event.row_id}")
            lines += [f"  {name}: {short(value)}" for name, value in event.columns.items()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return page("history.html.j2", events=self.events, cell=cell)


def cell(value: Any) -> str:
    """A value as text for people: short numbers, JSON for what is nested, long texts cut."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list) and len(value) > 8 and all(isinstance(v, float) for v in value):
        return f"{len(value)} numbers"
    text = value if isinstance(value, str) else _json(value)
    return text if len(text) <= _CHARACTERS else text[: _CHARACTERS - 1] + "…"


def short(value: Any) -> str:
    """`cell` on one line of at most 60 characters."""
    text = visible(" ".join(cell(value).split()))
    return text if len(text) <= 60 else text[:59] + "…"


def _json(value: Any) -> str:
    return (
        str(value) if isinstance(value, int) else json.dumps(value, ensure_ascii=False, default=str)
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
