"""Models with code in them are refused before anything opens them; a hub's is pinned."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from stages.engines.model.weights import Weights, check, ready
from stages.engines.sentence_transformers import SentenceTransformers
from stages.engines.vllm import Vllm
from stages.errors import UserError
from tests.support.loopback_hub import Entry, Repo, serving

CONFIG = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"}
PLANTED = {
    "modeling_evil.py": "import os",
    "sub/helper.py": "import os",
    "custom.pyc": "x",
    "libfast.so": "x",
    "install.sh": "x",
    "pytorch_model.bin": "x",
    "pytorch_model-00001-of-00002.bin": "x",
    "consolidated.00.pth": "x",
    "model.pt": "x",
    "optimizer.PT": "x",
    "rng_state.pkl": "x",
    "state.pickle": "x",
    "last.ckpt": "x",
    "scaler.joblib": "x",
    "tf_model.h5": "x",
    "flax_model.msgpack": "x",
    "vectors.npy": "x",
    "vectors.npz": "x",
    "config.json": json.dumps(CONFIG | {"auto_map": {"AutoModel": "modeling_evil.Evil"}}),
    "tokenizer_config.json": json.dumps({"auto_map": {"AutoTokenizer": ["org/repo--tok.T", None]}}),
    "vision/config.json": json.dumps({"vision_config": {"auto_map": {"AutoModel": "v.V"}}}),
    "preprocessor_config.json": json.dumps({"parts": [{"deep": {"auto_map": {}}}]}),
    "processor_config.json": json.dumps({"auto_map": {"AutoProcessor": "p.P"}}),
    "modules.json": json.dumps([{"idx": 0, "type": "evil_module.Evil"}]),
}


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(b"x")
    (folder / "tokenizer.json").write_text("{}")
    types = ["sentence_transformers.models.Transformer", "sentence_transformers.models.Pooling"]
    (folder / "modules.json").write_text(json.dumps([{"type": each} for each in types]))
    return folder


def test_a_harmless_model(model):
    assert ready(str(model), Weights()) == str(model)


@pytest.mark.parametrize("name", PLANTED)
def test_what_could_run_is_refused_unless_named(model, name):
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_text(PLANTED[name])
    for spec in (Vllm, SentenceTransformers):
        with pytest.raises(UserError, match="runs code when it is loaded") as caught:
            check(str(model), spec(model=str(model)))
        assert f"trust: [{name}]" in caught.value.remedy
    check(str(model), Weights(trust=(name,)))
    with pytest.raises(UserError):
        check(str(model), Weights(trust=("another.py",)))


def test_a_pickle_is_not_opened(model, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    (model / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UserError):
        Vllm(model=str(model)).check()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("revision", [None, "main", "v1.0", "abc123", "A" * 40])
def test_a_hubs_model_is_pinned(revision):
    if revision is None:
        with pytest.raises(UserError, match="is not pinned"):
            check("org/model", Weights())
    else:
        with pytest.raises(ValueError, match="revision"):
            Weights(revision=revision)


@pytest.mark.slow
def test_only_what_cannot_run_is_downloaded(tmp_path):
    files = {name: Entry(content.encode()) for name, content in PLANTED.items()}
    files |= {"config.json": Entry(json.dumps(CONFIG).encode()), "model.safetensors": Entry(b"x")}
    with serving() as hub:
        repo = hub.repos["org/model"] = Repo(private=False)
        good = repo.commit({name: files[name] for name in ("config.json", "model.safetensors")})
        repo.commit({"config.json": Entry(b"{}"), **files})
        bad = repo.commit(files | {"config.json": Entry(PLANTED["config.json"].encode())})
        environment = os.environ | {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path)}

        def fetch(revision):
            code = "import sys; from stages.engines.model.weights import Weights, ready\n"
            code += "print(ready('org/model', Weights(revision=sys.argv[1])))"
            command = [sys.executable, "-c", code, revision]
            return subprocess.run(
                command, env=environment, capture_output=True, text=True, check=False
            )

        found = fetch(good)
        assert found.returncode == 0, found.stderr
        names = {path.name for path in Path(found.stdout.strip()).iterdir()}
        assert names == {"config.json", "model.safetensors"}
        refused = fetch(bad)
        assert "names code" in refused.stderr
        missing = fetch("0" * 40)
    assert "the hub does not give org/model at 0000" in missing.stderr
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".py", ".bin", ".pkl")]


def test_a_folder_is_what_lies_in_it(model, monkeypatch, tmp_path):
    monkeypatch.setenv("BOWERBIRD_CACHE", str(tmp_path / "cache"))
    identity = lambda path: Vllm(model=str(path)).identity()  # noqa: E731
    first = identity(model)
    assert identity(f"{model}/") == first
    assert len(list((tmp_path / "cache/digests").iterdir())) == 4
    (model / "model.safetensors").write_bytes(b"y")
    changed = identity(model)
    assert changed != first
    assert changed["model"] == first["model"] == "model"
    moved = tmp_path / "elsewhere" / "model"
    moved.parent.mkdir()
    model.rename(moved)
    assert identity(moved) == changed
    assert "content" not in Vllm(model="org/model", revision="0" * 40).identity()
    # A path that is no model's folder is not read through.
    assert identity("/") == Vllm(model="/").identity()
    assert identity(tmp_path)["content"] == ""
