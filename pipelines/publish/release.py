"""The release folder: data, card, pictures, and what made them.

    README.md                              the card
    data/train-00000-of-00001.parquet      the first format; others under their own name
    pictures/*.png
    bowerbird/recipe.yaml  lineage.json  prompts/<family>/<name>.md.j2

`datasets.load_dataset(FOLDER)` reads it as it is, and the hub shows it as it is. The same run
gives the same bytes.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from pipelines.export import export
from pipelines.publish import card, pictures
from pipelines.publish.contents import SPLIT, Config, Contents
from pipelines.publish.licenses import Licensed, public_name
from pipelines.publish.numbers import read_numbers
from pipelines.store.runs import Run
from pipelines.store.store import Store
from stages.errors import UserError

_SHARD_BYTES = 500_000_000
"""Of a file's rows in memory, as `datasets` cuts what it pushes."""
_MARK = Path("bowerbird") / "lineage.json"


def default_formats(run: Run) -> tuple[str, ...]:
    """What TRL reads of the run's dataset, and all its columns."""
    fitting = [form for form in ("trl-dpo", "trl-sft") if not export.lacking(run, form)]
    return (*fitting[:1], "rows")


def make(
    store: Store,
    run: Run,
    formats: Sequence[str],
    licenses: Sequence[Licensed],
    repo: str,
    out: Path,
) -> Path:
    """Write the release of `run` for `repo` to `out`, whole or not at all; return `out`.

    Raises:
        UserError: a run or a format that does not fit, or a folder that holds something else.
    """
    _check(run, out)
    _check_parts(store, run, formats)
    aside = out.with_name(f".{out.name}.making")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir(parents=True)
        configs = [
            _data(store, run, aside, name, name if number else "data")
            for number, name in enumerate(dict.fromkeys(formats))
        ]
        if not configs[0].rows:
            raise UserError(f"the dataset of {run.id} has no rows", "Nothing is there to publish.")
        _provenance(run, aside)
        numbers = read_numbers(store, run)
        drawn = pictures.draw(numbers, aside / "pictures")
        text = card.write(Contents(run, repo, configs, licenses, aside), numbers, drawn)
        (aside / "README.md").write_text(text, encoding="utf-8")
        shutil.rmtree(out, ignore_errors=True)
        aside.rename(out)
    except OSError as error:
        cause = f"cannot write the release to {out} ({error.strerror})"
        raise UserError(cause, "Give another folder by --out.") from None
    return out


def _check(run: Run, out: Path) -> None:
    if not all(step.facts for step in run.steps):
        cause = f"the run {run.id} was recorded without what its card has to say"
        raise UserError(cause, "Run its recipe again: what is in the store is not computed again.")
    if out.exists() and not (out / _MARK).is_file() and (out.is_file() or any(out.iterdir())):
        raise UserError(f"{out} holds other files", "Give an empty folder by --out.")


def _check_parts(store: Store, run: Run, formats: Sequence[str]) -> None:
    if set(formats) != {"rows"} and len(found := export.parts(store, run)) > 1:
        cause = f"{run.id} is divided into {', '.join(found)}, and a release has one split"
        raise UserError(cause, "Publish `--format rows` alone, which says each row's part.")


def _data(store: Store, run: Run, folder: Path, name: str, place: str) -> Config:
    """Write one format in files of about `_SHARD_BYTES`, a batch at a time."""
    (folder / place).mkdir()
    parts: list[Path] = []
    rows = size = room = 0
    with export.reading(store, run, name) as batches, ExitStack() as opened:
        for batch in batches:
            if not parts or (room < batch.nbytes and batch.num_rows):
                opened.close()
                parts.append(folder / place / f"part-{len(parts)}")
                writer = pq.ParquetWriter(parts[-1], batches.schema, compression="zstd")
                opened.enter_context(writer)
                room = _SHARD_BYTES
            writer.write_batch(batch)
            rows, size, room = rows + batch.num_rows, size + batch.nbytes, room - batch.nbytes
        schema = batches.schema
    files = []
    for number, part in enumerate(parts):
        files.append(f"{place}/{SPLIT}-{number:05}-of-{len(parts):05}.parquet")
        part.rename(folder / files[-1])
    return Config(name, place, schema, rows, size, tuple(files))


def _provenance(run: Run, folder: Path) -> None:
    (folder / _MARK).parent.mkdir()
    recipe = yaml.safe_dump(portable(run.source), sort_keys=False, allow_unicode=True, width=100)
    (folder / "bowerbird" / "recipe.yaml").write_text(recipe, encoding="utf-8")
    text = json.dumps(_lineage(run), ensure_ascii=False, indent=1, sort_keys=True)
    (folder / _MARK).write_text(text + "\n", encoding="utf-8")
    for name, template in run.prompts.items():
        path = folder / "bowerbird" / "prompts" / f"{name}.md.j2"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(template, encoding="utf-8")


def _lineage(run: Run) -> dict[str, Any]:
    return {
        "run": run.id,
        "recipe": run.recipe,
        "seed": run.seed,
        "scheduled": run.scheduled,
        "finished": run.finished,
        "versions": run.versions,
        "steps": [
            {"name": step.name, "folder": step.folder, "columns": step.columns,
             "facts": _public(step.facts)}
            for step in run.steps
        ],
    }  # fmt: skip


def _public(facts: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(facts)
    if facts["engine"]:
        found["engine"] = _named(facts["engine"])
    if "engines" in facts:
        found["engines"] = [_named(engine) for engine in facts["engines"]]
    return found


def _named(engine: Mapping[str, Any]) -> dict[str, Any]:
    return {**engine, "model": public_name(str(engine["model"]))}


_PUBLIC = {
    "kind", "model", "revision", "max_model_len", "max_num_seqs", "dtype", "batch_size",
    "max_concurrency", "window", "script", "own_sampling",
}  # fmt: skip
"""Settings of an engine that say nothing of the place where it ran."""


def portable(source: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe without this machine's hosts and folders; a server becomes one on loopback.

    It loads, and makes the same rows where the models are the same.
    """
    engines = {}
    for name, engine in source["engines"].items():
        kept = {k: v for k, v in engine.items() if k in _PUBLIC}
        if ":" in str(kept.get("script", "")):
            del kept["script"]  # a module of that machine
        if "base_url" in engine:
            kept["base_url"] = "http://127.0.0.1:8000/v1"
        if "model" in kept:
            kept["model"] = public_name(str(kept["model"]))
        engines[name] = kept
    chains = {name: _without_folders(listed) for name, listed in source.get("chains", {}).items()}
    found = {**source, "engines": engines, "stages": _without_folders(source["stages"])}
    return found | ({"chains": chains} if chains else {})


def _without_folders(stages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Stages whose `path` is a file's name, those of `repeat:` and `rounds:` blocks too."""
    found = []
    for stage in stages:
        kept = dict(stage)
        if "path" in kept:
            kept["path"] = Path(kept["path"]).name
        if "stages" in kept:
            kept["stages"] = _without_folders(kept["stages"])
        found.append(kept)
    return found
