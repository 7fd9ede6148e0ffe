"""A store of a million rows, made once by a command and then looked at (section "The store").

    python -m benchmarks.million --folder DIR [--rows 1000000]

The recipe has ten stages: rows of a file, two that write, one that judges, filters, an exact dedup
and an embedding, all by the scripted engine in this process. Made with `bowerbird run --local` as a
user would, if DIR holds no store yet; then queries, report, export, release and a rerun, each a
command of its own, timed from outside, with its peak of memory.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import yaml

BOWERBIRD = Path(sys.executable).with_name("bowerbird")
STAGES = [
    {"use": "source.instructions", "path": "rows.jsonl"},
    {"use": "filter.instruction"},
    {"use": "generate.respond", "columns": {"response": "draft"}, "max_tokens": 64},
    {"use": "generate.respond", "max_tokens": 64},
    {"use": "filter.response"},
    {"use": "judge.quality"},
    {"use": "annotate.embedding"},
    {"use": "filter.response", "columns": {"response": "draft"}},
    {"use": "dedup.exact"},
    {"use": "dedup.exact", "columns": {"instruction": "response"}},
]
QUERIES = {
    "runs": "SELECT * FROM runs",
    "stages": "SELECT * FROM stages",
    "dataset": "SELECT count(*), avg(score), avg(length(response)) FROM dataset",
    "rejected": "SELECT reason, count(*) FROM rejected GROUP BY ALL",
}


def timed(name: str, *arguments: str, folder: Path) -> float:
    """Seconds of a command; its line is printed."""
    began = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    command = [str(BOWERBIRD), *arguments]
    script = (
        "import resource, subprocess, sys\n"
        "code = subprocess.run(sys.argv[1:]).returncode\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)\n"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script, *command], cwd=folder, text=True,
                          capture_output=True, check=False)  # fmt: skip
    took = time.perf_counter() - began
    assert done.returncode == 0, done.stderr[-2000:]
    peak = int(done.stderr.split()[-1]) / 1024
    print(f"| {name} | {took:.2f} s | {peak:,.0f} MB |", flush=True)
    assert before >= 0
    return took


def write_rows(folder: Path, rows: int) -> None:
    """Instructions as the scripted engine says them."""
    from stages.ask import Ask, Request, UserTurn
    from stages.engines.scripts import babble

    with (folder / "rows.jsonl").open("w") as file:
        for number in range(rows):
            text = babble(Request(number, Ask(UserTurn()), number)).text
            file.write(json.dumps({"instruction": text}) + "\n")


def main() -> None:
    """Make the store and print a line per command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args()
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    engines = {"main": {"kind": "scripted"}, "embedder": {"kind": "scripted"}}
    source = {"name": "million", "engines": engines, "stages": STAGES}
    (folder / "million.yaml").write_text(yaml.safe_dump(source))
    print("| command | time | peak memory |\n|---|---|---|")
    if not (folder / "store").exists():
        write_rows(folder, given.rows)
        took = timed("run", "run", "million.yaml", "--local", folder=folder)
        print(f"\n{given.rows / took:,.0f} rows/s end to end, {len(STAGES)} stages\n")
    files = [path for path in (folder / "store").rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    print(f"\n{len(files):,} files, {size / 1e9:.2f} GB\n")
    for name, sql in QUERIES.items():
        timed(f"sql over {name}", "sql", sql, folder=folder)
        timed(f"sql over {name}, again", "sql", sql, folder=folder)
    timed("report", "report", folder=folder)
    timed("export", "export", "--format", "trl-sft", "--out", f"out-{os.getpid()}", folder=folder)
    release = ["--repo", "me/million", "--license", "cc-by-4.0"]
    release += ["--license", "rows.jsonl=mit", "--dry-run", "--out", f"release-{os.getpid()}"]
    timed("release", "publish", *release, folder=folder)
    timed("run again", "run", "million.yaml", "--local", folder=folder)


if __name__ == "__main__":
    main()
