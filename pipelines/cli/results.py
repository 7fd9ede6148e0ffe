"""Commands that look at a run, or give it away: status, sql, why, report, export, publish."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import ending, output
from pipelines.cli.options import STORE as _STORE
from pipelines.cli.options import RunArgument, RunId, StorePath, app
from pipelines.store.store import Store
from stages.errors import UserError

_FORMATS = (
    "trl-sft, trl-prompt-completion, trl-dpo, trl-tpo, trl-reward, trl-kto, trl-stepwise, "
    "trl-grpo, sharegpt, alpaca, axolotl, axolotl-dpo, openai, openai-dpo, magpie or rows"
)


def _one(run: str | None, run_id: str | None) -> str | None:
    """The run that is named, as an argument or by --run."""
    if run and run_id and run != run_id:
        raise UserError(f"two runs are named, {run} and {run_id}", "Leave out one of them.")
    return run or run_id


@app.command()
def status(store: StorePath = _STORE, run_id: RunId = None) -> None:
    """List the runs in the store; with --run, that run's stages."""
    from pipelines.store.lease import held_by

    where = Store.at(store)
    if run_id is None:
        output.runs(where.all_runs(), store)
        output.holder(held_by(where.root / "lease"))
    else:
        output.runs([where.find(run_id)], store)
        ending.funnel(where, where.find(run_id), output.stdout())


@app.command()
def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="SQL that reads.")],
    store: StorePath = _STORE,
    run_id: RunId = None,
    format_: Annotated[
        output.Format, typer.Option("--format", metavar="FORMAT", help="table, csv or json.")
    ] = output.Format.table,
) -> None:
    """Query a run with DuckDB: dataset, rejected, stages, runs, and a view per stage."""
    from pipelines.store.query.catalog import query as ask

    where = Store.at(store)
    output.result(ask(where, where.find(run_id), query), format_)


@app.command()
def why(
    row_id: Annotated[str, typer.Argument(metavar="ROW_ID", help="32 digits.")],
    store: StorePath = _STORE,
    run_id: RunId = None,
) -> None:
    """Where a row came from, what each stage said of it, or why it was dropped."""
    from pipelines.store.query.lineage import history

    where = Store.at(store)
    output.history(history(where, where.find(run_id), row_id))


@app.command()
def report(run: RunArgument = None, store: StorePath = _STORE, run_id: RunId = None) -> None:
    """Write a run's report, one self-contained HTML file, and print its path."""
    from pipelines.report.page import write_report

    where = Store.at(store)
    print(write_report(where, where.find(_one(run, run_id))))


@app.command()
def export(
    format_: Annotated[
        str,
        typer.Option("--format", metavar="FORMAT", help=f"{_FORMATS}."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to write it.")],
    run: RunArgument = None,
    store: StorePath = _STORE,
    run_id: RunId = None,
) -> None:
    """Write a run's dataset so that `datasets.load_dataset` reads it for TRL."""
    from pipelines.export.export import export as write
    from pipelines.export.export import left_out

    where = Store.at(store)
    found = where.find(_one(run, run_id))
    if found.source.get("harmful"):
        output.say(f"warning: the rows of {found.id} hold text that is meant to be harmful")
    for file in write(where, found, format_, out):
        print(file)
    if count := left_out(where, found, format_):
        output.say(f"left out: {count} rows that lack what {format_} needs, or prefer nothing")


@app.command()
def publish(
    repo: Annotated[str, typer.Option("--repo", metavar="ORG/NAME", help="On the hub.")],
    run: RunArgument = None,
    formats: Annotated[
        list[str],
        typer.Option(
            "--format",
            metavar="FORMAT",
            help=f"{_FORMATS}; repeatable, the first is the default config. Default: what TRL "
            "reads of the run, and rows.",
        ),
    ] = [],  # noqa: B006
    licenses: Annotated[
        list[str],
        typer.Option(
            "--license",
            metavar="[NAME=]ID",
            help="The dataset's license, or that of a model or source file; repeatable.",
        ),
    ] = [],  # noqa: B006
    waived: Annotated[
        list[str],
        typer.Option("--waive", metavar="NAME", help="Publish though its license is not known."),
    ] = [],  # noqa: B006
    harmful: Annotated[
        bool, typer.Option("--harmful", help="Publish rows of a recipe with `harmful: true`.")
    ] = False,
    private: Annotated[bool, typer.Option("--private", help="Make a private repository.")] = False,
    tag: Annotated[str | None, typer.Option("--tag", help="Name the release, as v1.0.0.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where to write the release.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing to the hub; say what would change.")
    ] = False,
    store: StorePath = _STORE,
    run_id: RunId = None,
) -> None:
    """Make a release of a run with its card, and publish it to the Hugging Face Hub."""
    from pipelines.cli import publishing

    where = Store.at(store)
    wanted = publishing.Wanted(repo, formats, licenses, waived, harmful, out)
    release = publishing.make(where, where.find(_one(run, run_id)), wanted)
    if dry_run:
        publishing.compare(release, repo, private=private, tag=tag)
    else:
        print(publishing.push(release, repo, private=private, tag=tag))
