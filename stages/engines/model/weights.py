"""Models that are loaded into this process: where they come from, and that they bring no code.

A model's files can run code in the process that loads them: Python files that its configuration
names (`auto_map`), weights in pickle. vLLM was led past `trust_remote_code=False` three times
(CVE-2025-66448, CVE-2026-22807, CVE-2026-27893), so files are looked at before anything opens
them, and of a hub's model only those are downloaded that cannot run.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from stages.engines.model import models
from stages.errors import UserError

_CODE = {".py", ".pyc", ".so", ".dll", ".sh"}
_PICKLE = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".h5",
           ".keras", ".msgpack"}  # fmt: skip
_HARMLESS = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja", "*.md", "LICENSE*")


class Weights(BaseModel):
    """For engines that load a model themselves: `packaged/<name>`, a folder, or a hub id."""

    revision: str | None = Field(None, pattern="^[0-9a-f]{40}$")
    """Of a hub's model: the 40 digits of the commit."""
    trust: tuple[str, ...] = ()
    """Files of the model that may run code, by name; `config.json` if that names code."""


def check(model: str, weights: Weights) -> None:
    """Find what would stop `ready`, without a network.

    Raises:
        UserError: the model is not there, not pinned, or not to be trusted.
    """
    path = models.locate(model)
    if Path(path).is_dir():
        _refuse(Path(path), weights.trust)
    elif weights.revision is None:
        cause = f"the hub model {model} is not pinned: it may be another one tomorrow"
        raise UserError(cause, "Set `revision` to a commit of it, 40 digits, from its page.")


def ready(model: str, weights: Weights) -> str:
    """The folder to load the model from; a hub's is downloaded.

    Raises:
        UserError: see `check`; or the hub does not have it.
    """
    check(model, weights)
    path = Path(models.locate(model))
    if not path.is_dir():
        path = _download(model, weights)
        _refuse(path, weights.trust)
    return str(path)


def _download(model: str, weights: Weights) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    wanted = [*_HARMLESS, *weights.trust]
    try:
        return Path(snapshot_download(model, revision=weights.revision, allow_patterns=wanted))
    except (HfHubHTTPError, HFValidationError, OSError, ValueError) as error:
        said = str(error).strip().splitlines()
        cause = f"the hub does not give {model} at {weights.revision} ({said[0] if said else ''})"
        raise UserError(cause, "Check `model` and `revision`, or give a local folder.") from None


def _refuse(folder: Path, trust: tuple[str, ...]) -> None:
    for name, what in _dangers(folder):
        if name not in trust:
            cause = f"the model in {folder} has {what} ({name}), which runs code when it is loaded"
            remedy = f"Take a model with safetensors alone, or name it: `trust: [{name}]`."
            raise UserError(cause, remedy)


def _dangers(folder: Path) -> Iterator[tuple[str, str]]:
    """Files that can run code, by their path in the folder, and what they are."""
    for path in models.files(folder):
        name = path.relative_to(folder).as_posix()
        if path.suffix.lower() in _CODE:
            yield name, "code"
        elif path.suffix.lower() in _PICKLE:
            yield name, "weights that are not safetensors"
        elif path.suffix == ".json" and _names_code(path):
            yield name, "a configuration that names code"


def _names_code(path: Path) -> bool:
    try:
        content = json.loads(path.read_text())
    except (ValueError, OSError, RecursionError):
        return False  # loading it will say so
    if _has_auto_map(content):
        return True
    if path.name == "modules.json" and isinstance(content, list):
        types = [str(each.get("type", "")) for each in content if isinstance(each, dict)]
        return not all(each.startswith("sentence_transformers.") for each in types)
    return False


def _has_auto_map(content: Any) -> bool:
    """At any depth: a part of a model (`vision_config`) names its code like the whole."""
    waiting = [content]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if "auto_map" in node:
                return True
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return False


def identity(model: str, facts: dict[str, Any]) -> dict[str, Any]:
    """The facts that enter a fingerprint; of a local folder its name and what lies in it."""
    folder = models.local_folder(model)
    if folder is None:
        return facts
    return {**facts, "model": folder.name, "content": models.content(folder)}
