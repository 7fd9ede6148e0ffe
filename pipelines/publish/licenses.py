"""Under which license what stands: the dataset, the models that wrote it, the rows it began with.

What is not known refuses the release, unless it is waived by name; the card prints the waiver.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipelines.publish import hub
from pipelines.recipe.lookup import nearest
from pipelines.store.runs import Run
from stages.engines.model import models
from stages.errors import UserError

DATASET = "dataset"
"""The name of the dataset itself among what has a license."""
_KNOWN = """
    apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m
    bigscience-bloom-rail-1.0 bigcode-openrail-m afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause
    bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0
    cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0
    cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0
    cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0
    etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc
    h-research intel-research lppl-1.3c ms-pl apple-ascl apple-amlr mpl-2.0 odc-by odbl
    openmdw-1.0 openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl lgpl-lr
    deepfloyd-if-license fair-noncommercial-research-license llama2 llama3 llama3.1 llama3.2
    llama3.3 llama4 gemma unknown other
"""
IDENTIFIERS = frozenset(_KNOWN.split())
"""What the hub's card validation takes as a dataset's `license`."""

_LOADED = ("vllm", "vllm_reward", "sentence_transformers")
"""Kinds of engine whose models may be on the hub; what an endpoint serves has its own names."""


@dataclass(frozen=True, slots=True)
class Licensed:
    """One thing with a license; `license` is empty where it is not known.

    `said`: who says so. `revision`: of a model on the hub, where the recipe pins one.
    """

    name: str
    role: str
    license: str
    said: str
    revision: str = ""
    waived: bool = False


def licensed(run: Run, given: Mapping[str, str], waived: Sequence[str]) -> tuple[Licensed, ...]:
    """The dataset and all it was made of.

    Args:
        run: Whose engines and source files count.
        given: Name to license, of what its maker gives; the dataset goes by `DATASET`.
        waived: Names that may stand without a license.

    Raises:
        UserError: a name that is none of these, or one whose license is not known.
    """
    found = [_dataset(given), *_engines(run, given), *_sources(run, given)]
    names = [item.name for item in found]
    for name in (*given, *waived):
        if name not in names:
            raise UserError(f"this release has nothing of the name '{name}'", nearest(name, names))
    for item in found:
        if not item.license and item.name not in waived:
            raise UserError(f"the license of {_what(item)} is not known", _remedy(item))
    return tuple(_with_waiver(item, waived) for item in found)


def _what(item: Licensed) -> str:
    return "the dataset" if item.name == DATASET else f"'{item.name}' ({item.role})"


def _remedy(item: Licensed) -> str:
    mine = "ID (such as cc-by-4.0)" if item.name == DATASET else f"{item.name}=ID"
    return f"Add --license {mine}, or --waive {item.name}, which the card then says."


def _with_waiver(item: Licensed, waived: Sequence[str]) -> Licensed:
    return replace(item, waived=not item.license and item.name in waived)


def _dataset(given: Mapping[str, str]) -> Licensed:
    license_ = given.get(DATASET, "")
    if license_ and license_ not in IDENTIFIERS:
        remedy = nearest(license_, sorted(IDENTIFIERS))
        raise UserError(f"the hub knows no license '{license_}'", f"{remedy} Else: other.")
    return Licensed(DATASET, "this dataset", license_, "its maker")


def _engines(run: Run, given: Mapping[str, str]) -> Iterator[Licensed]:
    """A line per model that the run's steps asked."""
    seen = set()
    for engine in (engine for step in run.steps for engine in step.models):
        if engine["kind"] == "scripted" or engine["model"] in seen:
            continue
        seen.add(engine["model"])
        yield _model(engine, given)


def _model(engine: Mapping[str, Any], given: Mapping[str, str]) -> Licensed:
    model, revision = str(engine["model"]), str(engine.get("revision") or "")
    name = public_name(model)
    role = f"model, kind {engine['kind']}"
    if name in given:
        return Licensed(name, role, given[name], "the dataset's maker", revision)
    if model.startswith("packaged/"):
        license_ = models.PACKAGED[model.removeprefix("packaged/")].license
        return Licensed(name, role, license_, "the model's publisher", revision)
    found = hub.model_license(model, revision or None) if engine["kind"] in _LOADED else ""
    return Licensed(name, role, found, "the model's card", revision)


def _sources(run: Run, given: Mapping[str, str]) -> Iterator[Licensed]:
    for name in source_files(run):
        yield Licensed(name, "rows it began with", given.get(name, ""), "the dataset's maker")


def source_files(run: Run) -> list[str]:
    """Names of the files that rows of the run came from, or were held against."""
    lists = [run.source["stages"], *run.source.get("chains", {}).values()]
    stages = [stage for listed in lists for stage in _stages(listed)]
    return list(dict.fromkeys(Path(s["path"]).name for s in stages if "path" in s))


def _stages(listed: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The stages of a list, those of its blocks too."""
    for entry in listed:
        yield from _stages(entry["stages"]) if "stages" in entry else [entry]


def public_name(model: str) -> str:
    """A model's name without the folders of the machine it was on."""
    local = model.startswith((".", "/", "~"))
    return os.path.basename(model.rstrip("/")) if local else model  # noqa: PTH119
