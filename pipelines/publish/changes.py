"""What a release changes in a repository: by content, so that what is there is not sent again."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipelines.export.formats import FORMATS
from stages.errors import UserError

Content = tuple[str, str]
"""("git", blob id) or ("sha256", of a large file)."""
OWNED = ("data/", "bowerbird/", "pictures/", *(f"{form}/" for form in FORMATS))
"""Folders of a release: what is there and in no release any more is deleted."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Paths, sorted. Empty (false) where the repository holds the release already."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()

    @property
    def written(self) -> tuple[str, ...]:
        """What is sent."""
        return (*self.added, *self.changed)

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.added or self.changed or self.deleted)


def between(folder: Path, remote: Mapping[str, Content]) -> Changes:
    """What turns the repository's files into those of `folder`."""
    mine = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    other = [path for path in mine if path in remote and not _same(folder / path, remote[path])]
    gone = [path for path in remote if path.startswith(OWNED) and path not in mine]
    return Changes(
        added=tuple(path for path in mine if path not in remote),
        changed=tuple(other),
        deleted=tuple(sorted(gone)),
    )


def _same(path: Path, content: Content) -> bool:
    kind, digest = content
    if kind == "sha256":
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest
    data = path.read_bytes()
    header = b"blob %d\0" % len(data)
    return hashlib.sha1(header + data, usedforsecurity=False).hexdigest() == digest


def check_schema(repo: str, mine: str, theirs: str, files: Mapping[str, Content]) -> None:
    """Refuse a release whose readers would find other columns, or a config less, than before.

    Args:
        repo: The repository's name, for the message.
        mine: The release's card.
        theirs: The repository's card; empty where it has none.
        files: The repository's files.

    Raises:
        UserError: the two do not fit.
    """
    remedy = "Publish to another --repo, or delete the dataset's files on the hub first."
    before, now = _features(theirs), _features(mine)
    if not before and any(path.endswith(".parquet") for path in files):
        raise UserError(f"{repo} holds data that no release of a run made", remedy)
    for config, columns in before.items():
        if config not in now:
            cause = f"{repo} has the config '{config}', which this release has not"
            raise UserError(cause, f"Add --format {config}, or publish to another --repo.")
        if columns != now[config]:
            cause = f"{repo} has another schema for '{config}': {_difference(columns, now[config])}"
            raise UserError(cause, remedy)


def _features(card: str) -> dict[str, dict[str, object]]:
    """Config to its columns, of a card's `dataset_info`."""
    parts = card.split("---\n", 2)
    try:
        info = (yaml.safe_load(parts[1]) or {}).get("dataset_info", []) if len(parts) == 3 else []
    except (yaml.YAMLError, AttributeError):
        return {}
    listed = info if isinstance(info, list) else [info]
    return {
        one.get("config_name", "default"): {f.pop("name"): f for f in one.get("features", [])}
        for one in listed
    }


def _difference(before: Mapping[str, object], now: Mapping[str, object]) -> str:
    gone = [f"without {name}" for name in before if name not in now]
    new = [f"with {name}" for name in now if name not in before]
    other = [
        f"another type of {name}" for name in before if name in now and before[name] != now[name]
    ]
    return "this release is " + ", ".join([*gone, *new, *other])
