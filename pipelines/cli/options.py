"""The program and the options that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import output
from pipelines.store.files.folder import LocalFolder
from stages.errors import UserError

if TYPE_CHECKING:
    from pipelines.execution.engines.reply_log import Cassettes

app = typer.Typer(
    name="bowerbird",
    help="Recipes in, an alignment dataset with a history out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)

RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe's YAML file.")]
StorePath = Annotated[
    str,
    typer.Option(
        "--store", metavar="DIR", envvar="BOWERBIRD_STORE", help="A folder, or s3://BUCKET/PREFIX."
    ),
]
Overrides = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Override a recipe's dotted key; repeatable."),
]
RunId = Annotated[str | None, typer.Option("--run", metavar="RUN", help="Default: the latest.")]
RunArgument = Annotated[str | None, typer.Argument(metavar="RUN", help="Default: the latest run.")]
STORE = output.DEFAULT_STORE
Replay = Annotated[
    Path | None,
    typer.Option("--replay", metavar="DIR", help="Take answers from a cassette, ask no engine."),
]
Record = Annotated[
    Path | None,
    typer.Option("--record", metavar="DIR", help="Keep every answer in a cassette, a folder."),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        metavar="HOST:PORT",
        envvar="RAY_ADDRESS",
        help="A Ray cluster; default: one on this machine for this run.",
    ),
]


def cassettes(record: Path | None, replay: Path | None) -> "Cassettes":
    """The cassettes of a run's options.

    Raises:
        UserError: there is nothing to replay.
    """
    if replay is not None and not replay.is_dir():
        raise UserError(f"there is no cassette {replay}", "Record one with --record first.")
    from pipelines.execution.engines.reply_log import Cassettes

    folders = [LocalFolder(path.resolve()) if path else None for path in (record, replay)]
    return Cassettes(*folders)
