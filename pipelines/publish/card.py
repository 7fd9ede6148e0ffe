"""The dataset card: front matter the hub reads, and a history a person can check."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipelines.publish.contents import SPLIT, Config, Contents
from pipelines.publish.licenses import DATASET, public_name
from pipelines.publish.numbers import Numbers
from pipelines.recipe.bibliography import bibliography
from pipelines.recipe.lookup import stage_class
from pipelines.store.runs import Run, RunStep
from stages.engines.model import models

_FOLDER = Path(__file__).parent
_SIZES = (
    (1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"),
)  # fmt: skip
_PURPOSE = {"trl-sft": "sft", "trl-dpo": "dpo"}


def write(contents: Contents, numbers: Numbers, drawn: Sequence[str]) -> str:
    """The text of the release's README.md; `drawn`: names of its pictures."""
    run = contents.run
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), undefined=StrictUndefined, autoescape=False,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= {"md": _markdown, "number": _number}
    body = environment.get_template("card.md.j2").render(
        run=run,
        repo=contents.repo,
        numbers=numbers,
        configs=contents.configs,
        licenses=contents.licenses,
        drawn=drawn,
        steps=_steps(run, numbers),
        engines=_engines(run, numbers),
        packaged=any(item.name.startswith("packaged/") for item in contents.licenses),
        prompts={name: hashlib.sha256(t.encode()).hexdigest() for name, t in run.prompts.items()},
        recipe=(contents.folder / "bowerbird" / "recipe.yaml").read_text(encoding="utf-8"),
        bibliography="\n\n".join(_citations(run)),
        waived=[item for item in contents.licenses if item.waived],
    )
    front = _front_matter(contents, numbers)
    text = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=100)
    return f"---\n{text}---\n\n{body}"


def _front_matter(contents: Contents, numbers: Numbers) -> dict[str, Any]:
    license_ = next(item.license for item in contents.licenses if item.name == DATASET)
    configs = contents.configs
    purpose = [_PURPOSE[config.name] for config in configs if config.name in _PURPOSE]
    return {
        "license": license_ or "unknown",
        "language": numbers.languages or ["und"],
        "pretty_name": contents.run.recipe,
        "task_categories": ["text-generation"],
        "annotations_creators": ["machine-generated"],
        "size_categories": [_size(numbers.rows)],
        "tags": ["synthetic", "bowerbird", *purpose, *_warning(contents.run)],
        "configs": [_config(config, i == 0) for i, config in enumerate(configs)],
        "dataset_info": [_info(config, contents.folder) for config in configs],
    }


def _warning(run: Run) -> list[str]:
    """The hub's own tag for what not everybody should meet unasked."""
    return ["not-for-all-audiences"] if run.source.get("harmful") else []


def _size(rows: int) -> str:
    return next((name for below, name in _SIZES if rows < below), "n>100M")


def _config(config: Config, default: bool) -> dict[str, Any]:
    files = {"split": SPLIT, "path": f"{config.place}/{SPLIT}-*"}
    named = {"config_name": config.name, "data_files": [files]}
    return named | {"default": True} if default else named


def _info(config: Config, folder: Path) -> dict[str, Any]:
    """`dataset_info` as the `datasets` library writes and reads it. Sizes in bytes."""
    from datasets import Features

    features = Features.from_arrow_schema(config.schema)
    return {
        "config_name": config.name,
        "features": features._to_yaml_list(),
        "splits": [{"name": SPLIT, "num_bytes": config.bytes, "num_examples": config.rows}],
        "download_size": sum((folder / file).stat().st_size for file in config.files),
        "dataset_size": config.bytes,
    }


def _steps(run: Run, numbers: Numbers) -> list[dict[str, Any]]:
    """Counts, settings and model, a row per step."""
    found = []
    for step, counts in zip(run.steps, numbers.stages, strict=True):
        settings = {k: v for k, v in step.facts["settings"].items() if v not in (None, [], "")}
        settings.pop("engine", None)  # its name in the recipe; the model says more
        found.append({**counts, "settings": settings, "model": _models(step)})
    return found


def _engines(run: Run, numbers: Numbers) -> list[dict[str, Any]]:
    """A row per model: what it did, at which revision, and how much it wrote."""
    found: dict[str, dict[str, Any]] = {}
    for step, usages in zip(run.steps, numbers.usages, strict=True):
        for engine, took in zip(step.models, usages, strict=False):
            line = found.setdefault(
                _label(engine),
                {"kind": engine["kind"], "revision": _revision(engine), "stages": [],
                 "calls": 0, "tokens": 0},
            )  # fmt: skip
            if step.name not in line["stages"]:
                line["stages"].append(step.name)
            line["calls"] += took.calls
            line["tokens"] += took.completion_tokens
    return [{"model": model, **line} for model, line in found.items()]


def _models(step: RunStep) -> str:
    return ", ".join(dict.fromkeys(map(_label, step.models)))


def _label(engine: dict[str, Any]) -> str:
    if engine["kind"] == "scripted":
        return f"no model: the script {engine['script']}"
    return public_name(str(engine["model"]))


def _revision(engine: dict[str, Any]) -> str:
    model = str(engine["model"])
    if engine["kind"] == "scripted":
        return ""
    if model.startswith("packaged/"):
        return f"sha256 {models.PACKAGED[model.removeprefix('packaged/')].sha256[:16]}…"
    return str(engine.get("revision") or "not pinned")


def _citations(run: Run) -> list[str]:
    keys = [*run.source.get("cites", ()), *(key for step in run.steps for key in _cites(step))]
    known = bibliography()
    return [known[key] for key in dict.fromkeys(keys) if key in known]


def _cites(step: RunStep) -> tuple[str, ...]:
    kind = stage_class(step.path)
    return kind.cites if kind else ()


def _markdown(value: object) -> str:
    """A value inside a table's cell: no line ends, no bars, no HTML."""
    text = " ".join(str(value).split())
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
