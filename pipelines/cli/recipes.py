"""Commands that take a recipe: run, serve, plan, preview.

Heavy imports stand inside them, so that each command loads what it uses.
"""

from typing import Annotated

import typer

from pipelines.cli import ending, output
from pipelines.cli.options import STORE as _STORE
from pipelines.cli.options import (
    Overrides,
    RayAddress,
    RecipePath,
    Record,
    Replay,
    StorePath,
    app,
    cassettes,
)
from pipelines.store.store import Store


@app.command()
def run(
    recipe: RecipePath,
    store: StorePath = _STORE,
    overrides: Overrides = [],  # noqa: B006  typer wants a list
    local: Annotated[
        bool, typer.Option("--local", help="In this process, without Ray and Prefect.")
    ] = False,
    ray_address: RayAddress = None,
    record: Record = None,
    replay: Replay = None,
) -> None:
    """Run a recipe; the same command again goes on where it stopped."""
    from pipelines.cli.live.progress import Progress
    from pipelines.execution.executor import executor_for
    from pipelines.recipe.parse import load
    from pipelines.run.execute import execute, run_in_threads
    from pipelines.run.job import prepare

    tapes = cassettes(record, replay)
    job = prepare(load(recipe, overrides), recipe, Store.at(store), cassettes=tapes)
    executor = executor_for(job.recipe, local=local, address=ray_address, say=output.say)
    try:
        with Progress(job, executor) as progress:
            if local:
                done = execute(job, executor, progress, run_in_threads)
            else:
                from pipelines.flows.by_hand import prefect

                with prefect(job, output.say) as run_steps:
                    done = execute(job, executor, progress, run_steps)
    except KeyboardInterrupt:
        output.say("interrupted; the same command goes on from the last committed shard")
        raise typer.Exit(1) from None
    # Here and not above: DuckDB imported before a flow that is broken off prints about leaks.
    from pipelines.report.page import write_report

    ending.funnel(job.store, done, output.console)
    ending.cut_texts(job.store, done)
    ending.nothing_left(job.store, done)
    if record and any(step.reused and step.models for step in done.steps):
        output.say("not in the cassette: answers of stages that were in the store already")
    if done.status == "capped":
        output.say(f"{done.error}; this is a dataset, and with more the same command goes on")
    ending.next_steps(done, write_report(job.store, done), store)
    print(done.id)


@app.command()
def serve(
    recipe: RecipePath,
    cron: Annotated[str, typer.Option("--cron", metavar="CRON", help='When, in UTC: "0 3 * * *".')],
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
    from pipelines.recipe.parse import load
    from pipelines.run.job import prepare

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
    from pipelines.cli import plans
    from pipelines.plan.estimate import estimate
    from pipelines.plan.explain import explain as reasons
    from pipelines.plan.plan import plan as make_plan
    from pipelines.recipe.parse import load

    loaded = load(recipe, overrides)
    steps = make_plan(loaded)
    if pilot is not None:
        from pipelines.run.pilot import pilot as first_rows

        rounds = any(step.round > 1 for step in steps)
        plans.expected(first_rows(loaded, recipe, pilot), pilot, rounds=rounds)
    elif explain:
        plans.explained(steps, reasons(loaded.name, steps, Store.at(store)))
    else:
        plans.plan(estimate(steps, Store.at(store)))


@app.command()
def preview(
    recipe: RecipePath,
    rows: Annotated[
        int, typer.Option("-n", min=1, metavar="N", help="Rows to start from, and to show.")
    ] = 5,
    overrides: Overrides = [],  # noqa: B006
) -> None:
    """Send the first rows through the whole chain and show them; nothing is kept."""
    from pipelines.recipe.parse import load
    from pipelines.run.preview import preview as first_rows

    found = first_rows(load(recipe, overrides), recipe, rows)
    output.cards(found.rows)
    output.gone(found.gone)
    output.say(
        f"of the first {rows} rows came {found.became}, "
        f"{len(found.rows)} are shown; {len(found.gone)} did not come through"
    )
