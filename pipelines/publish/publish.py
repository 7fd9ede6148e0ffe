"""From a release folder to the hub: first look and compare, then one commit and a tag."""

import re
from pathlib import Path

from pipelines.publish.changes import Changes, between, check_schema
from pipelines.publish.hub import Remote, Repository
from stages.errors import UserError


def review(
    repository: Repository, folder: Path, *, private: bool, tag: str | None
) -> tuple[Remote, Changes]:
    """What is there, and what publishing `folder` would change. Only reads.

    Raises:
        UserError: another schema, a tag that is taken, a public repository where a private one
            is asked for, or a token that is refused.
        RunError: the hub cannot be reached.
    """
    _check_tag(tag)
    remote = repository.look()
    if remote.head and private and not remote.private:
        cause = f"{repository.name} is public, and --private was given"
        raise UserError(cause, "Make it private on the hub first, or leave out --private.")
    mine = (folder / "README.md").read_text(encoding="utf-8")
    check_schema(repository.name, mine, remote.card, remote.files)
    changes = between(folder, remote.files)
    taken = remote.tags.get(tag or "")
    if taken and (changes or taken != remote.head):
        cause = f"{repository.name} has the tag {tag} already, at commit {taken[:12]}"
        raise UserError(cause, "Give another --tag: one that is published stays as it is.")
    return remote, changes


def publish(
    repository: Repository, folder: Path, remote: Remote, *, private: bool, tag: str | None
) -> str:
    """Make `main` what `folder` is, on top of what was reviewed, and tag it; the commit's id.

    Called again after it was killed or lost its connection, it does what is left to do.

    Raises:
        UserError: no right to write, or a card the hub refuses.
        RunError: `main` moved meanwhile, or the hub gave no clear answer.
    """
    if not remote.head:
        repository.create(private=private)
    commit = repository.push(folder, remote, f"Release {tag}" if tag else "Release")
    if tag:
        repository.tag(tag, commit)
    return commit


def _check_tag(tag: str | None) -> None:
    if tag is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", tag):
        raise UserError(f"'{tag}' is no name for a tag", "Use letters, digits, '.', '_' and '-'.")
