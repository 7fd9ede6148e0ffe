"""What the commands print. Tables for people go to the console; results go to standard output."""

import csv
import enum
import io
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape as markup
from rich.panel import Panel
from rich.table import Table

from pipelines.store.runs import Run
from stages.errors import BowerbirdError
from stages.shared.unicode import visible

if TYPE_CHECKING:
    import pyarrow as pa

    from pipelines.machine.doctor import Finding
    from pipelines.run.preview import Gone
    from pipelines.store.lease import Holder
    from pipelines.store.query.lineage import Event
    from pipelines.store.upkeep.gc import Garbage
    from pipelines.store.upkeep.verify import Finding as Damage

console = Console(stderr=True, highlight=False)
DEFAULT_STORE = "store"
_MOST_GONE = 12
_NARROWEST = 16
"""Characters that a cell with more of them needs at least, to be read."""


def escape(text: str) -> str:
    """Text as a terminal is to show it: nothing in it is a tag, and nothing moves the cursor.

    What a row says may hold escape sequences that set a title, clear the screen or type.
    """
    return markup(visible(text))


class Format(enum.StrEnum):
    """Forms of a query's result."""

    table = "table"
    csv = "csv"
    json = "json"


def stdout() -> Console:
    """The console of results; wide where nobody's window limits it."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, width=200 if piped else None)


def say(text: str) -> None:
    """One line to standard error."""
    console.print(escape(text), soft_wrap=True)


def sign_in(credentials: str) -> None:
    """Say how to sign in on Prefect's pages: on a terminal, elsewhere in a file of the user's."""
    if sys.stderr.isatty():
        say(f"sign in on Prefect's pages with {credentials}")
        return
    handle, name = tempfile.mkstemp(prefix="bowerbird-sign-in-")
    with os.fdopen(handle, "w") as file:
        file.write(credentials + "\n")
    say(f"sign in on Prefect's pages with what is in {name}")


def fail(error: Exception, code: int) -> int:
    """Print one cause and one remedy; return `code`."""
    cause = error.cause if isinstance(error, BowerbirdError) else str(error)
    remedy = error.remedy if isinstance(error, BowerbirdError) else ""
    console.print(f"[bold red]error[/] {escape(cause)}", soft_wrap=True)
    if remedy:
        console.print(f"[bold]remedy[/] {escape(remedy)}", soft_wrap=True)
    return code


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    right: Sequence[str] = (),
    *,
    header: bool = True,
) -> Table:
    """A plain table; columns named in `right` hold numbers."""
    made = Table(box=None, pad_edge=False, header_style="bold", show_header=header)
    for name in columns:
        made.add_column(escape(name), justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    return made


def runs(found: Sequence[Run], store: str) -> None:
    """A line per run, the latest last."""
    if not found:
        say(f"no runs in {store}")
        return
    made = table(("run", "status", "started", "took", "seed", "recipe"), [], right=("seed",))
    made.columns[0].no_wrap = True
    for run in found:
        error = f"\n{run.error}" if run.error else ""
        made.add_row(run.id, run.status, escape(run.started[:16].replace("T", " ")), _took(run),
                     str(run.seed), escape(run.recipe_path + error))  # fmt: skip
    stdout().print(made)


def holder(found: "Holder | None") -> None:
    """Who writes to the store, if somebody does."""
    if found is not None and not found.is_gone():
        say(f"held by {found.text}")


def _took(run: Run) -> str:
    if not run.finished:
        return ""
    seconds = datetime.fromisoformat(run.finished) - datetime.fromisoformat(run.started)
    return str(seconds)


def cards(rows: Sequence[Mapping[str, Any]]) -> None:
    """A card per row: its texts and conversations, then its other columns."""
    from stages.shared.conversation import is_conversation, turn_lines

    out = stdout()
    for number, row in enumerate(rows, 1):
        texts = {k: v for k, v in row.items() if isinstance(v, str) and k != "id"}
        texts |= {k: "\n".join(turn_lines(v)) for k, v in row.items() if is_conversation(v) and v}
        numbers = {k: v for k, v in row.items() if isinstance(v, bool | int | float)}
        lines = [f"[bold]{escape(k)}[/]\n{escape(v)}" for k, v in texts.items()]
        cells = "  ".join(escape(f"{k} {_short(v)}") for k, v in numbers.items())
        lines.append(f"[dim]{cells}[/]")
        out.print(
            Panel(
                "\n".join(lines),
                title=f"row {number}  {escape(str(row['id']))}",
                title_align="left",
            )
        )


def gone(found: "Sequence[Gone]") -> None:
    """Rows that did not come through, a line each, with what was said of them."""
    for row in found[:_MOST_GONE]:
        detail = f": {_short(row.detail.strip().splitlines()[-1])}" if row.detail.strip() else ""
        console.print(f"[dim]{escape(f'{row.stage} {row.fate} {row.row_id}')}[/]", soft_wrap=True)
        console.print(f"  {escape(f'{row.reason}{detail}')}", soft_wrap=True)
    if len(found) > _MOST_GONE:
        say(f"and {len(found) - _MOST_GONE} more")


def result(found: "pa.Table", form: Format) -> None:
    """A query's result on standard output."""
    rows = found.to_pylist()
    if form is Format.json:
        _print(json.dumps(rows, ensure_ascii=False, default=str, indent=1) + "\n")
    elif form is Format.csv:
        written = io.StringIO()
        writer = csv.writer(written, lineterminator="\n")
        writer.writerow(found.column_names)
        writer.writerows([_cell(row[c]) for c in found.column_names] for row in rows)
        _print(written.getvalue())
    else:
        cells = [[_short(row[c]) for c in found.column_names] for row in rows]
        _print_cells(found.column_names, cells)


def _print_cells(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """As a table, or row by row where the columns would be squeezed."""
    out = stdout()
    needed = [
        max([len(name), *(min(len(row[i]), _NARROWEST) for row in rows)])
        for i, name in enumerate(columns)
    ]
    if sum(needed) + 2 * len(needed) <= out.width:
        out.print(table(columns, rows))
        return
    for number, row in enumerate(rows, 1):
        out.print(f"[dim]row {number}[/]")
        out.print(table(("", ""), list(zip(columns, row, strict=True)), header=False))


def _print(text: str) -> None:
    """Data for a program as it is; on a terminal as `visible` shows it."""
    sys.stdout.write(visible(text) if sys.stdout.isatty() else text)


def _cell(value: Any) -> Any:
    # A sum of integers is a Decimal: it has no upper end.
    plain = value is None or isinstance(value, str | int | float | Decimal)
    return value if plain else json.dumps(value, ensure_ascii=False, default=str)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    text = " ".join(str(_cell(value) if value is not None else "").split())
    return text if len(text) <= 160 else text[:159] + "…"


def history(events: "Sequence[Event]") -> None:
    """A row's way, a line per stage."""
    out = stdout()
    for event in events:
        out.print(
            f"[bold]{escape(event.stage)}[/]  {escape(event.fate)}  [dim]{escape(event.row_id)}[/]"
        )
        for name, value in event.columns.items():
            out.print(f"  {escape(name)}: {escape(_short(value))}")


def findings(found: "Sequence[Finding]") -> None:
    """A line per check; remedies below what is wrong."""
    out = stdout()
    for finding in found:
        mark = "[green]ok[/]     " if finding.fine else "[red]missing[/]"
        out.print(f"{mark} {escape(finding.what)}: {escape(finding.found)}", soft_wrap=True)
        if not finding.fine:
            out.print(f"        {escape(finding.remedy)}", soft_wrap=True)


def damage(findings: "Sequence[Damage]") -> None:
    """A line per damaged file."""
    for finding in findings:
        stdout().print(f"{escape(finding.where)}: {escape(finding.what)}", soft_wrap=True)


def garbage(found: "Sequence[Garbage]") -> None:
    """A line per file or folder."""
    rows = [(each.where, f"{each.bytes:,}", each.why) for each in found]
    if rows:
        stdout().print(table(("what", "bytes", "why"), rows, right=("bytes",)))
