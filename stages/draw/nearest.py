"""Give each row the texts of a chain that are nearest to it by embedding.

In:  {embedding: [0.03, …]} of unit length, and {text: "…", embedding: […]} of the chain `of`
Out: {passages: ["…", "…"], passage_ids: ["…", "…"]}, the nearest first; empty without an embedding

Retrieval for generation: Self-Specialization (arXiv:2310.00160) answers with passages of the
field's texts at hand. Exact inner products in a flat FAISS index.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import faiss
import numpy as np
import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Fate, Kept, SetStage, ShardReader
from stages.shared.vectors import read_vectors


class Nearest(SetStage):
    """`take` of the chain's texts for each row, whatever their distance."""

    uses_seed: ClassVar[bool] = False
    cites: ClassVar[tuple[str, ...]] = ("self-specialization",)
    needs: ClassVar[tuple[str, ...]] = ("embedding",)
    adds: ClassVar[Columns] = {
        "passages": pa.list_(pa.string()),
        "passage_ids": pa.list_(pa.string()),
    }

    of: str
    """The chain's name in the recipe."""
    take: int = Field(3, ge=1, le=50)

    @property
    @override
    def reads(self) -> Mapping[str, Sequence[str]]:
        return {self.of: ("text", "embedding")}

    @override
    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        _, vectors = read_vectors(rows)
        others = rows.chain(self.of)
        ids, theirs = read_vectors(others)
        texts = [t for table in others.tables(["text"]) for t in table["text"].to_pylist()]
        there = [i for i in range(len(ids)) if _is_vector(theirs[i]) and texts[i]]
        vectors[~np.isfinite(vectors).all(axis=1)] = 0
        if there and vectors.any() and theirs.shape[1] != vectors.shape[1]:
            sizes = f"{vectors.shape[1]} and {theirs.shape[1]}"
            raise ValueError(f"embeddings of {sizes} dimensions: embed both by one model")
        if not there or not vectors.any():
            for _ in vectors:
                yield Kept({"passages": [], "passage_ids": []})
            return
        index = faiss.IndexFlatIP(theirs.shape[1])
        index.add(theirs[there])
        _, found = index.search(vectors, min(self.take, len(there)))
        for vector, places in zip(vectors, found, strict=True):
            near = [there[place] for place in places] if vector.any() else []
            yield Kept(
                {"passages": [texts[i] for i in near], "passage_ids": [ids[i] for i in near]}
            )


def _is_vector(values: np.ndarray) -> bool:
    return bool(values.any() and np.isfinite(values).all())
