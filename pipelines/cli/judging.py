"""Commands about judges and figures: audit, rejudge, label, reproduce."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from pipelines.cli import output
from pipelines.cli.options import STORE as _STORE
from pipelines.cli.options import RunArgument, StorePath, app
from pipelines.store.runs import Run, RunStep
from pipelines.store.store import Store
from stages.errors import UserError

if TYPE_CHECKING:
    from pipelines.audit.ask_again import Judge
    from pipelines.store.audited import Figure

_Recipe = Annotated[
    Path | None,
    typer.Option("--recipe", metavar="RECIPE", help="Whose engines are asked. Default: the run's."),
]
_Judge = Annotated[
    str | None,
    typer.Option("--judge", metavar="STAGE", help="Of several judges, which. Default: the last."),
]
_Require = Annotated[
    list[str] | None,
    typer.Option(
        "--require",
        metavar="FIGURE",
        help="Fail unless it holds, as 'position bias <= 0.1'; a bias counts by its size. "
        "Repeatable; 'JUDGE: FIGURE' is of one judge.",
    ),
]
_Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="A setting of the judge, as rubric=…; repeatable."
    ),
]
_Format = Annotated[
    output.Format, typer.Option("--format", metavar="FORMAT", help="table, csv or json.")
]


@app.command()
def audit(
    run: RunArgument = None,
    gold: Annotated[
        str,
        typer.Option("--gold", metavar="COLUMN", help="Of right labels; default: of `label`."),
    ] = "",
    probes: Annotated[
        int,
        typer.Option(
            "--probes", min=0, metavar="N", help="Show the judges worthless answers to N requests."
        ),
    ] = 0,
    require: _Require = None,
    recipe: _Recipe = None,
    store: StorePath = _STORE,
    format_: _Format = output.Format.table,
) -> None:
    """Examine a run's judges: their biases, their agreement, and what fools them."""
    from pipelines.audit import audit as audits
    from pipelines.audit.probes import reads_answers
    from pipelines.audit.verdicts.judges import judges
    from pipelines.report.page import write_report
    from pipelines.store import audited

    bounds = [audits.Bound.parse(text) for text in require or ()]
    where = Store.at(store)
    found = where.find(run)
    figures = audits.audit(where, found, gold)
    for bound in bounds:
        if not bound.of_probes:
            bound.unmet(figures)  # a figure that there is not is said before a judge is asked
    kept = audited.keep(where, found, figures)  # a probe may break off
    probed = [_judge(where, found, step, recipe) for step in judges(found)] if probes else []
    able = [judge for judge in probed if reads_answers(judge)]
    if probes and not able:
        raise UserError("no judge of the run reads an answer to a request", "Leave out --probes.")
    figures += _probed(able, probes)
    audited.keep(where, found, figures)
    write_report(where, found)
    output.result(audits.as_table(figures), format_)
    output.say(f"kept in {kept}; the run's report shows it")
    unmet = [line for bound in bounds for line in bound.unmet(figures)]
    for line in unmet:
        output.say(f"not met  {line}")
    if unmet:
        raise typer.Exit(1)


def _probed(judges: "Sequence[Judge]", count: int) -> "list[Figure]":
    """What worthless answers get of each judge that has a verdict to hold them against."""
    from pipelines.audit.probes import probe
    from pipelines.cli.live.quiet import quiet

    found: list[Figure] = []
    unfit = list[UserError]()
    for judge in judges:
        output.say(f"asking {judge.step.name} about worthless answers")
        try:
            with quiet():
                found += probe(judge, count)
        except UserError as error:
            unfit.append(error)
            output.say(f"not asked  {error}")
    if unfit and len(unfit) == len(judges):
        raise unfit[0]
    return found


@app.command()
def rejudge(
    run: RunArgument = None,
    overrides: _Settings = None,
    judge: _Judge = None,
    recipe: _Recipe = None,
    store: StorePath = _STORE,
    format_: _Format = output.Format.table,
) -> None:
    """Ask a run's judge again, with other settings or another engine, and compare."""
    from pipelines.audit.audit import as_table
    from pipelines.audit.rejudge import rejudge as again
    from pipelines.cli.live.quiet import quiet

    where = Store.at(store)
    found = where.find(run)
    changes = dict(map(_setting, overrides or ()))
    if not changes:
        output.say("no setting is changed: this says how steady the judge is")
    asked = _judge(where, found, _step(found, judge), recipe)
    output.say(f"asking {asked.step.name} again")
    with quiet():
        run_id, figures = again(asked, changes)
    output.result(as_table(figures), format_)
    output.say(f"its verdicts: bowerbird status --store {store}/audits --run {run_id}")


@app.command()
def label(
    run: RunArgument = None,
    rows: Annotated[
        int, typer.Option("-n", min=1, metavar="N", help="Rows to label, drawn once for a run.")
    ] = 50,
    judge: _Judge = None,
    store: StorePath = _STORE,
) -> None:
    """Label judged rows by hand, blind, on a page of this machine; `audit` uses the labels."""
    from pipelines.audit.people import labels
    from pipelines.audit.people.label_page import LabelServer

    where = Store.at(store)
    found = where.find(run)
    step = _step(found, judge)
    items = labels.sample(where, found, step, rows)
    if not items:
        raise UserError(f"{step.name} has no rows to label", "Choose another judge or run.")
    there = labels.read(where, found, step)
    with LabelServer(items, there, lambda all_: labels.write(where, found, step, all_)) as server:
        output.say(f"label at {server.url} ; Ctrl-C ends it, labels are kept at once")
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
    output.say(f"{len(there)} rows have labels; next: bowerbird audit {found.id}")


@app.command()
def reproduce(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="alpaca-eval, alpaca-eval-lc, fastchat, gsm8k, magpie-pairs, null-model, rouge or "
            "skillmix.",
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="PATH", help="The published files' folder, or the file."),
    ] = None,
    format_: _Format = output.Format.table,
) -> None:
    """Compute published figures again by the code that works here, and hold them against it."""
    import pyarrow as pa

    from pipelines.reproduce.published import reproduce as again

    found = again(name, data)
    output.result(pa.Table.from_pylist([each.as_json() for each in found]), format_)
    differing = sum(not each.holds for each in found)
    output.say(f"{len(found) - differing} of {len(found)} figures hold")
    if differing:
        raise typer.Exit(1)


def _step(run: Run, name: str | None) -> RunStep:
    """The judge that is meant."""
    from pipelines.audit.verdicts.judges import judges

    found = {step.name: step for step in judges(run)}
    if name is not None and name not in found:
        from pipelines.recipe.lookup import nearest

        raise UserError(f"the run {run.id} has no judge '{name}'", nearest(name, list(found)))
    return found[name or list(found)[-1]]


def _judge(store: Store, run: Run, step: RunStep, recipe: Path | None) -> "Judge":
    from pipelines.audit.ask_again import Judge
    from pipelines.recipe import recipe_source

    return Judge(store, run, step, recipe_source.read(recipe, ())["engines"] if recipe else {})


def _setting(override: str) -> tuple[str, Any]:
    """`rubric=Is it true?` as a setting's name and value."""
    name, equals, text = override.partition("=")
    if not equals or not name.isidentifier():
        remedy = "Write NAME=VALUE, a setting of the judge's stage with its value as YAML."
        raise UserError(f"--set {override} is no setting of a stage", remedy)
    try:
        return name, yaml.safe_load(text)
    except yaml.YAMLError:
        return name, text
