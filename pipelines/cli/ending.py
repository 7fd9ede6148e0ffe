"""What is said at the end of a run: what became of its rows, and where to look now."""

import shutil
import sys

from rich.console import Console

from pipelines.cli.output import DEFAULT_STORE, console, escape, say, table
from pipelines.recipe.money import cost, dollars, prices
from pipelines.report.reading import is_read, usual
from pipelines.store import seen
from pipelines.store.runs import Run
from pipelines.store.store import Store


def funnel(store: Store, run: Run, to: Console) -> None:
    """Rows in, kept, dropped by reason and failed, per step."""
    rows = []
    priced = prices(run.source)
    for step in run.steps:
        found = seen.manifest(store, run, step)
        if found is None:
            continue
        counts, usage = found.counts, found.usage
        tokens = f"{usage.completion_tokens:,}" if usage.calls else ""
        usd = cost(priced, step.asks, found.by_engine)
        rows.append(
            (
                step.name,
                counts.input,
                counts.output,
                counts.dropped,
                counts.failed,
                tokens,
                *([dollars(usd)] if priced else []),
                found.why,
            )
        )
    money = ("usd",) if priced else ()
    columns = ("stage", "in", "out", "dropped", "failed", "tokens", *money, "reasons")
    made = table(columns, rows, right=columns[1:-1])
    made.columns[0].no_wrap = True
    to.print()
    to.print(made)


def cut_texts(store: Store, run: Run) -> None:
    """Warn of steps at which more than a tenth of the texts had run into `max_tokens`."""
    for step in run.steps:
        found = seen.manifest(store, run, step)
        cut = found.reasons.get("filter.truncated", 0) if found else 0
        if found and cut > found.counts.input / 10:
            share = f"{cut} of {found.counts.input} texts that came to {step.name}"
            say(f"warning {share} were cut at max_tokens: raise it, or ask for shorter ones")


def nothing_left(store: Store, run: Run) -> None:
    """Warn of a dataset without rows, and where most of them were lost."""
    counts = {
        step.name: found.counts for step in run.steps if (found := seen.manifest(store, run, step))
    }
    last = counts.get(run.steps[-1].name)
    if run.has_dataset and counts and not (last and last.output):
        lost = max(counts, key=lambda name: counts[name].dropped + counts[name].failed)
        say(f"warning no rows came through: most were lost at {lost}")


def next_steps(run: Run, page: str, store: str) -> None:
    """Where to look now, as commands that work from here."""
    command = "bowerbird" if shutil.which("bowerbird") else sys.argv[0]
    where = "" if store == DEFAULT_STORE else f" --store {store}"
    named = filter(is_read, run.steps[-1].columns)
    others = sorted(named, key=lambda name: name not in ("instruction", "response"))
    columns = usual(run.steps[-1].columns) or others[:3]
    query = f"'SELECT {', '.join(columns)} FROM dataset'"
    console.print(f"\n[bold]report[/]   {escape(page)}", soft_wrap=True)
    console.print(f"[bold]rows[/]     {escape(f'{command} sql {query}{where}')}", soft_wrap=True)
    console.print(f"[bold]history[/]  {escape(f'{command} why ROW_ID{where}')}", soft_wrap=True)
