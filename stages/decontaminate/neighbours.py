"""Drop rows whose embedding is too close to one of another chain: a benchmark, or what there is.

In:  {embedding: [0.03, -0.12, …]} of unit length, and the same of the chains in `against`
Out: {neighbour_cosine: 0.41}: the cosine with the nearest of them, null for none, or dropped as
     decontaminate.neighbours, "cosine 0.93 with <id> of gsm8k"

Exact inner products in a flat FAISS index, as in `dedup.semantic`. Paraphrases of a test set pass
filters that look for its words, and translations an embedding too (arXiv:2311.04850): it often sees
them, and other rows of the same topic as well. Look at what it drops before you trust a threshold.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import faiss
import numpy as np
import pyarrow as pa
from pydantic import Field
from typing_extensions import override

from stages.base import Columns, Dropped, Fate, Kept, Role, SetStage, ShardReader
from stages.shared.vectors import read_vectors


class Neighbours(SetStage):
    """Compares each row with all rows of the chains, and with none of its own."""

    role: ClassVar[Role] = "filter"
    cites: ClassVar[tuple[str, ...]] = ("rephrased-samples",)
    uses_seed: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("embedding",)
    adds: ClassVar[Columns] = {"neighbour_cosine": pa.float64()}

    against: tuple[str, ...] = Field(min_length=1)
    """The chains' names in the recipe; in `rounds:` also `pool`, the rows that there are."""
    threshold: float = Field(0.9, gt=0, le=1)
    """Cosine from which on a row is dropped."""

    @property
    @override
    def reads(self) -> Mapping[str, Sequence[str]]:
        return dict.fromkeys(self.against, self.needs)

    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        """One fate per row, in order."""
        ids, vectors = read_vectors(rows)
        nearest = [_nearest(vectors, rows.chain(name)) for name in self.against]
        for i in range(len(ids)):
            cosine, neighbour, chain = max(
                (float(cosines[i]), neighbours[i], name)
                for name, (cosines, neighbours) in zip(self.against, nearest, strict=True)
            )
            # "At" the threshold counts too, within float32 rounding.
            if cosine >= self.threshold - 1e-6:
                detail = f"cosine {cosine:.2f} with {neighbour} of {chain}"
                yield Dropped("decontaminate.neighbours", detail)
            else:
                yield Kept({"neighbour_cosine": cosine if neighbour else None})


def _nearest(vectors: np.ndarray, others: ShardReader) -> tuple[np.ndarray, list[str]]:
    """Of each row, the cosine with the nearest of `others`, and its id; -1 and "" for none."""
    ids, theirs = read_vectors(others)
    if not ids or not len(vectors):
        return np.full(len(vectors), -1.0), [""] * len(vectors)
    if theirs.shape[1] != vectors.shape[1]:
        sizes = f"{vectors.shape[1]} and {theirs.shape[1]}"
        raise ValueError(f"embeddings of {sizes} dimensions: embed both by one model")
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(theirs)
    cosines, neighbours = index.search(vectors, 1)
    return cosines[:, 0], [ids[n] for n in neighbours[:, 0]]
