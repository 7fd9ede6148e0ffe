"""The one door to the Hugging Face Hub: look, one guarded commit, a tag.

The endpoint (`HF_ENDPOINT`) and the token (`HF_TOKEN` or the login file) are huggingface_hub's
own settings. A commit names its parent, so `main` goes from one release to the next whole or not
at all. An answer that is lost (5xx, a dropped connection) says nothing about the commit: the
remote is looked at again, and what it holds decides.
"""

import json
import logging
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import httpx2
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    ModelCard,
    constants,
    get_token,
    set_client_factory,
    try_to_load_from_cache,
)
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
)
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils._validators import validate_repo_id
from huggingface_hub.utils.tqdm import disable_progress_bars

from pipelines.publish.changes import Changes, Content, between
from stages.errors import RunError, UserError, first_line

_WAITS_S = (0.0, 2.0, 6.0, 15.0)
"""Before each attempt at a commit or a tag whose answer may be lost."""
_KIND = "dataset"


@dataclass(frozen=True, slots=True)
class Remote:
    """What `main` of a repository holds. `head` is empty where there is no repository yet."""

    head: str = ""
    private: bool = False
    files: Mapping[str, Content] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    card: str = ""


class Lost(Exception):
    """No answer, or one that does not say whether the request was carried out."""


class Repository:
    """A dataset repository as seen with the user's token."""

    def __init__(self, name: str, *, writes: bool = True) -> None:
        """Check the name and find a token; connect to nothing.

        To look (`writes` false) no token is needed: a public repository is then seen.

        Raises:
            UserError: the name is none, or there is no usable token.
        """
        try:
            validate_repo_id(name)
        except HFValidationError as error:
            raise UserError(f"--repo {name} is no repository ({error})", "Use org/name.") from None
        if name.count("/") != 1:
            raise UserError(f"--repo {name} has no owner", "Use org/name.")
        self.name = name
        self.url = f"{constants.ENDPOINT}/datasets/{name}"
        self._token = _token(needed=writes)
        _configure()
        self._api = HfApi(endpoint=constants.ENDPOINT, token=self._token or False)

    def look(self) -> Remote:
        """What is there now.

        Raises:
            UserError: the token is refused.
            RunError: the hub cannot be reached.
        """
        with self._explained():
            try:
                info = self._api.repo_info(self.name, repo_type=_KIND, timeout=30)
            except RepositoryNotFoundError:
                return Remote()
            head = info.sha or ""
            tree = self._api.list_repo_tree(
                self.name, recursive=True, revision=head, repo_type=_KIND
            )
            refs = self._api.list_repo_refs(self.name, repo_type=_KIND)
            return Remote(
                head=head,
                private=bool(info.private),
                files={e.path: _content(e) for e in tree if isinstance(e, RepoFile)},
                tags={tag.name: tag.target_commit for tag in refs.tags},
                card=self._card(head),
            )

    def _card(self, head: str) -> str:
        try:
            path = self._api.hf_hub_download(self.name, "README.md", revision=head, repo_type=_KIND)
        except RemoteEntryNotFoundError:
            return ""
        return Path(path).read_text(encoding="utf-8")

    def create(self, *, private: bool) -> None:
        """Make the repository, unless it exists."""
        with self._explained():
            self._api.create_repo(self.name, repo_type=_KIND, private=private, exist_ok=True)

    def push(self, folder: Path, seen: Remote, message: str) -> str:
        """Make `main` what `folder` is, in one commit on top of what was `seen`; its id.

        Raises:
            RunError: `main` moved meanwhile, or the hub gave no clear answer in several attempts.
        """
        lost: Exception = Lost()
        for wait in _WAITS_S:
            time.sleep(wait)
            remote = self.look() if wait or not seen.head else seen
            changes = between(folder, remote.files)
            if not changes:
                return remote.head  # there already, or by an attempt whose answer was lost
            if seen.head and remote.head != seen.head:
                raise self._moved()
            try:
                return self._commit(folder, changes, remote.head, message)
            except Lost as error:
                seen, lost = remote, error
        cause = f"the hub did not say whether it took the commit ({first_line(lost)})"
        raise RunError(cause, "Run the same command again: it looks at what is there first.")

    def _commit(self, folder: Path, changes: Changes, parent: str, message: str) -> str:
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            CommitOperationAdd(path, str(folder / path)) for path in changes.written
        ]
        operations += [CommitOperationDelete(path) for path in changes.deleted]
        with self._explained(uncertain=True):
            try:
                done = self._api.create_commit(
                    self.name, operations, commit_message=message, repo_type=_KIND,
                    parent_commit=parent,
                )  # fmt: skip
            except HfHubHTTPError as error:
                if error.response.status_code in (409, 412):
                    raise self._moved() from None
                raise
        return str(done.oid)

    def _moved(self) -> RunError:
        cause = f"main of {self.name} moved while the release was on its way; nothing was changed"
        return RunError(cause, "Run the same command again: it starts from what is there now.")

    def tag(self, tag: str, commit: str) -> None:
        """Let `tag` name `commit`; fine if it does already.

        Raises:
            RunError: it names another commit, or the hub gave no clear answer.
        """
        for wait in _WAITS_S:
            time.sleep(wait)
            try:
                with self._explained(uncertain=True):
                    self._api.create_tag(self.name, tag=tag, revision=commit, repo_type=_KIND)
                return
            except (Lost, RunError):
                found = self.look().tags.get(tag)
            if found == commit:
                return
            if found:
                cause = f"the release is on main, but the tag {tag} is at {found[:12]}"
                raise RunError(cause, "Run again with another --tag.")
        cause = f"the release is on main, but the hub did not make the tag {tag}"
        raise RunError(cause, "Run the same command again.")

    @contextmanager
    def _explained(self, *, uncertain: bool = False) -> Iterator[None]:
        """Turn the client's errors into causes and remedies; with `uncertain`, some into `Lost`."""
        try:
            yield
        except HfHubHTTPError as error:
            raise self._refusal(error, uncertain) from None
        except (httpx2.HTTPError, RuntimeError, OSError, json.JSONDecodeError) as error:
            if uncertain:
                raise Lost(self._clean(error)) from None
            cause = f"the hub at {constants.ENDPOINT} cannot be reached ({self._clean(error)})"
            raise RunError(cause, "Check the network and HF_ENDPOINT, then run again.") from None
        except ValueError as error:
            cause = f"the hub refuses the release ({self._clean(error)})"
            raise UserError(cause, "Fix what it names and run again.") from None

    def _refusal(self, error: HfHubHTTPError, uncertain: bool) -> Exception:
        status = error.response.status_code
        said = self._clean(error.server_message or error)
        if status == 401:
            cause = f"the hub does not accept the token ({said})"
            return UserError(cause, "Log in with `hf auth login`, or set HF_TOKEN.")
        if status == 403:
            cause = f"the token has no right to write to {self.name} ({said})"
            return UserError(cause, "Use a token with write access there, or another --repo.")
        if uncertain and (status >= 500 or status in (408, 429)):
            return Lost(f"{status} {said}")
        remedy = "Run the same command again; what was sent is not sent twice."
        return RunError(f"the hub answered {status} ({said})", remedy)

    def _clean(self, error: object) -> str:
        """The message in one line, without the token wherever the client might have put it."""
        text = first_line(error) if isinstance(error, BaseException) else str(error)
        plain = " ".join(text.split())
        return (plain.replace(self._token, "…") if self._token else plain)[:300]


def _token(*, needed: bool) -> str:
    token = get_token() or ""
    if needed and not token:
        raise UserError("there is no token for the hub", "Run `hf auth login`, or set HF_TOKEN.")
    if not re.fullmatch(r"[!-~]*", token):
        cause = "the token for the hub holds characters that no token has"
        raise UserError(cause, "Set HF_TOKEN again, or run `hf auth login`.")
    return token


def _configure() -> None:
    """The client's manners: time limits, quiet off a terminal, uploads that any hub takes."""
    # Without this a request whose answer never comes waits forever.
    limits = httpx2.Timeout(300.0, connect=15.0)
    set_client_factory(lambda: httpx2.Client(follow_redirects=True, timeout=limits))
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    if not sys.stderr.isatty():
        disable_progress_bars()
    if urlsplit(constants.ENDPOINT).hostname != "huggingface.co":
        # huggingface_hub 2.4 does not fall back from Xet where a hub has none.
        constants.HF_HUB_DISABLE_XET = True


def _content(entry: RepoFile) -> Content:
    return ("sha256", entry.lfs.sha256) if entry.lfs else ("git", entry.blob_id)


def model_license(model: str, revision: str | None) -> str:
    """What the card of a model says: of a folder, of the local cache, else of the hub; "" if none.

    A hub that cannot be reached says nothing.
    """
    if model.startswith((".", "/", "~")):
        return _card_license(Path(model).expanduser() / "README.md")
    cached = try_to_load_from_cache(model, "README.md", revision=revision)
    if isinstance(cached, str):
        return _card_license(Path(cached))
    try:
        info = HfApi().model_info(model, revision=revision, timeout=15)
    except (httpx2.HTTPError, HFValidationError, OSError):
        return ""
    return str(info.card_data.license or "") if info.card_data else ""


def _card_license(path: Path) -> str:
    return str(ModelCard.load(path).data.license or "") if path.is_file() else ""
