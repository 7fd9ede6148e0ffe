"""What a run without settings takes over a bare client, with endpoints of several kinds.

    python -m benchmarks.flow [--rounds 3] [--only constant,…] [--ray]

Both are whole commands: `bowerbird run --local` with its report, and a client of asyncio and
aiohttp that checks, keeps and counts nothing (`peers/bare_client.py`). They take turns, every other
round backwards; the ratios are medians of the rounds' ratios. The recipe says how many calls the
endpoint takes at once and nothing else. With `--ray` a third arm is `bowerbird run` over Ray and
Prefect, compared with `--local` from the first call to the last answer, start-up aside.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import yaml

from benchmarks.machine import page
from benchmarks.serving import serving

HERE = Path(__file__).parent
BOWERBIRD = Path(sys.executable).with_name("bowerbird")
TAILED = ("--mean", "0.25", "--cv", "1.5")
SCENES = {
    "constant": (1_000, 64, ("--mean", "0.25"), 1.10),
    "tailed": (1_000, 64, TAILED, 1.12),
    "constant-256": (4_000, 256, ("--mean", "0.25"), 1.18),
    "tailed-256": (4_000, 256, TAILED, 1.18),
    "tailed-512": (20_000, 512, TAILED, 1.08),
    "instant": (4_000, 64, ("--mean", "0"), 2.5),
    "filtered": (4_000, 64, ("--mean", "0.25", "--keep", "0.1"), 1.15),
}
"""Rows, slots, what the server is told, and the ratio that is the goal."""


def write_recipe(folder: Path, url: str, slots: int) -> Path:
    """Two answers after each other for each row, and a filter in between."""
    engine = {"kind": "openai", "model": "m", "base_url": url, "max_concurrency": slots}
    stages = [
        {"use": "source.instructions", "path": "rows.jsonl"},
        {"use": "generate.respond", "columns": {"response": "first"}, "max_tokens": 64},
        {"use": "filter.response", "columns": {"response": "first"}},
        {
            "use": "generate.respond",
            "columns": {"instruction": "first", "response": "second"},
            "max_tokens": 64,
        },
    ]
    path = folder / "flow.yaml"
    path.write_text(yaml.safe_dump({"name": "flow", "engines": {"main": engine}, "stages": stages}))
    return path


def command(arm: str, folder: Path, url: str, slots: int) -> list[str]:
    """The arm's command line."""
    if arm == "bare":
        client = str(HERE / "peers/bare_client.py")
        return [sys.executable, client, url, str(folder / "rows.jsonl"), str(folder), str(slots)]
    recipe = str(write_recipe(folder, url, slots))
    return [str(BOWERBIRD), "run", recipe, *(["--local"] if arm == "local" else [])]


def once(arm: str, url: str, rows: int, slots: int) -> tuple[float, float]:
    """Seconds of the whole command, and from its first call to its last answer."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = (f'{{"instruction": "Say {n} aloud."}}\n' for n in range(rows))
        (folder / "rows.jsonl").write_text("".join(lines))
        stats(url)
        line = command(arm, folder, url, slots)
        began = time.perf_counter()
        done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
        took = time.perf_counter() - began
        if done.returncode:
            sys.exit(f"{arm} failed:\n{done.stderr[-3000:]}")
        return took, float(stats(url)["span"])


def stats(url: str) -> dict[str, float]:
    """What the server has seen since it was last asked."""
    with urllib.request.urlopen(url.removesuffix("/v1") + "/stats") as reply:
        return dict(json.load(reply))


def scene(name: str, rounds: int, arms: tuple[str, ...]) -> str:
    """One line of the table."""
    rows, slots, options, goal = SCENES[name]
    found: dict[str, list[tuple[float, float]]] = {arm: [] for arm in arms}
    with serving(HERE / "peers/server.py", *options, "--slots", str(slots)) as url:
        for number in range(rounds):
            for arm in arms[:: -1 if number % 2 else 1]:
                found[arm].append(once(arm, url, rows, slots))
                print(name, number, arm, *(f"{s:.1f} s" for s in found[arm][-1]), flush=True)
    whole = ratio([t for t, _ in found["local"]], [t for t, _ in found["bare"]])
    line = f"| {rows:,} rows, {slots} slots, {' '.join(options)} | {goal:.2f} | {whole:.2f} |"
    if "ray" in arms:
        line += f" {ratio([s for _, s in found['ray']], [s for _, s in found['local']]):.2f} |"
    return line


def ratio(mine: list[float], theirs: list[float]) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(a / b for a, b in zip(mine, theirs, strict=True))


def main() -> None:
    """Write results/flow.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(SCENES))
    parser.add_argument("--ray", action="store_true")
    given = parser.parse_args()
    arms = ("bare", "local", "ray") if given.ray else ("bare", "local")
    lines = [scene(name, given.rounds, arms) for name in given.only.split(",")]
    head = "Two calls after each other for each row; `python -m benchmarks.flow`"
    head += f"{' --ray' if given.ray else ''}, {given.rounds} rounds, medians.\n\n"
    more = (" over Ray, of `--local` |", "---|") if given.ray else ("", "")
    head += f"| work | goal | over the bare client |{more[0]}\n|---|--:|--:|{more[1]}\n"
    name = "flow-ray" if given.ray else "flow"
    print(page(name, "A run without settings", head + "\n".join(lines) + "\n").read_text())


if __name__ == "__main__":
    main()
