"""Commands about a run's judges: audit."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import output
from pipelines.cli.options import STORE as _STORE
from pipelines.cli.options import RunArgument, StorePath, app
from pipelines.store.store import Store

_Recipe = Annotated[
    Path | None,
    typer.Option("--recipe", metavar="RECIPE", help="Whose engines are asked. Default: the run's."),
]


@app.command()
def audit(
    run: RunArgument = None,
    gold: Annotated[
        str,
        typer.Option(
            "--gold", metavar="COLUMN", help="Of labels that are right. Default: people's."
        ),
    ] = "",
    probes: Annotated[
        int,
        typer.Option(
            "--probes", metavar="N", help="Show the judges worthless answers to N requests."
        ),
    ] = 0,
    require: Annotated[
        list[str],
        typer.Option(
            "--require",
            metavar="FIGURE",
            help="Fail unless it holds, as 'position bias <= 0.1'; repeatable.",
        ),
    ] = [],  # noqa: B006
    recipe: _Recipe = None,
    store: StorePath = _STORE,
    format_: Annotated[
        output.Format, typer.Option("--format", metavar="FORMAT", help="table, csv or json.")
    ] = output.Format.table,
) -> None:
    """Examine a run's judges: their biases, their agreement, and what fools them."""
    from pipelines.audit import audit as audits
    from pipelines.audit.ask_again import Judge
    from pipelines.audit.judged import Labels, judges
    from pipelines.audit.probes import probe
    from pipelines.recipe import recipe_source

    where = Store.at(store)
    found = where.find(run)
    figures = audits.audit(where, found, Labels(gold))
    engines = recipe_source.read(recipe, ())["engines"] if recipe else {}
    for step in judges(found) if probes else ():
        figures += probe(Judge(where, found, step, engines), probes)
    kept = audits.keep(where, found, figures)
    output.result(audits.as_table(figures), format_)
    output.say(f"kept in {kept}; `bowerbird report` shows it")
    unmet = audits.unmet(figures, require)
    for line in unmet:
        output.say(f"not met  {line}")
    if unmet:
        raise typer.Exit(1)
