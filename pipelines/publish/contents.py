"""What a release consists of."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipelines.publish.licenses import Licensed
from pipelines.store.runs import Run

SPLIT = "train"


@dataclass(frozen=True, slots=True)
class Config:
    """One format of the dataset; `files` in `place`, both relative to the release's folder.

    `bytes`: of its rows in memory, as `datasets` counts them.
    """

    name: str
    place: str
    schema: pa.Schema
    rows: int
    bytes: int
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contents:
    """A release of `run` for the repository `repo`; its data lies in `folder`."""

    run: Run
    repo: str
    configs: Sequence[Config]
    licenses: Sequence[Licensed]
    folder: Path
