"""What `bowerbird publish` does and says, step by step."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.cli.output import say
from pipelines.publish import release
from pipelines.publish.changes import Changes
from pipelines.publish.hub import Remote, Repository
from pipelines.publish.licenses import DATASET, licensed
from pipelines.publish.publish import publish, review
from pipelines.store.runs import Run
from pipelines.store.store import Store
from stages.errors import RunError, UserError


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of the release itself, as they were given."""

    repo: str
    formats: Sequence[str]
    licenses: Sequence[str]
    waived: Sequence[str]
    harmful: bool
    out: Path | None


def make(store: Store, run: Run, wanted: Wanted) -> Path:
    """Write the release folder and say where it is."""
    if run.source.get("harmful") and not wanted.harmful:
        cause = f"the rows of {run.id} hold text that is meant to be harmful"
        raise UserError(cause, "Give --harmful to publish them: the card then says so first.")
    known = licensed(run, dict(_named(text) for text in wanted.licenses), wanted.waived)
    formats = tuple(dict.fromkeys(wanted.formats)) or release.default_formats(run)
    out = wanted.out or _place(store, run)
    folder = release.make(store, run, formats, known, wanted.repo, out)
    say(f"release of {run.id} ({', '.join(formats)}) in {folder}")
    return folder


def _place(store: Store, run: Run) -> Path:
    place = store.run(run.id).uri("release")
    return Path(f"release-{run.id}") if "://" in place else Path(place)


def _named(text: str) -> tuple[str, str]:
    name, equals, license_ = text.rpartition("=")
    return (name, license_) if equals else (DATASET, text)


def compare(folder: Path, repo: str, *, private: bool, tag: str | None) -> None:
    """Say what publishing would change; the hub is only read, if it can be reached."""
    repository = Repository(repo, writes=False)
    try:
        remote, changes = review(repository, folder, private=private, tag=tag)
    except RunError as error:
        say(f"what would change there is not known: {error.cause}")
    else:
        _announce(repository, remote, changes, private=private, tag=tag)
    say("dry run: nothing was sent")


def push(folder: Path, repo: str, *, private: bool, tag: str | None) -> str:
    """Publish, and say what changes; the address of the release."""
    repository = Repository(repo)
    remote, changes = review(repository, folder, private=private, tag=tag)
    _announce(repository, remote, changes, private=private, tag=tag)
    commit = publish(repository, folder, remote, private=private, tag=tag)
    say(f"main is at {commit[:12]}" + (f", tagged {tag}" if tag else ""))
    return f"{repository.url}/tree/{tag or commit}"


def _announce(
    repository: Repository, remote: Remote, changes: Changes, *, private: bool, tag: str | None
) -> None:
    if remote.head:
        kind = "private" if remote.private else "public"
        say(f"{repository.url} ({kind}), main at {remote.head[:12]}")
    else:
        say(f"{repository.url}: a new {'private' if private else 'public'} repository")
    for verb, paths in (
        ("add", changes.added), ("change", changes.changed), ("delete", changes.deleted)
    ):  # fmt: skip
        for path in paths:
            say(f"  {verb:7}{path}")
    if not changes:
        say("  no file changes")
    if tag and tag not in remote.tags:
        say(f"  tag    {tag}")
