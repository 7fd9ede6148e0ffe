"""Passages by embedding: the nearest first, held against NumPy."""

import numpy as np
import pyarrow as pa
import pytest

from stages.draw.nearest import Nearest


def table(as_table, vectors, texts):
    rows = [{"embedding": v, "text": t} for v, t in zip(vectors, texts, strict=True)]
    return as_table(rows, embedding=pa.list_(pa.float32()), text=pa.string())


def units(count, seed):
    found = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).tolist()


def test_the_nearest_first(as_table, reader):
    asked, there = units(5, 1), units(20, 2)
    texts = [f"passage {i}" for i in range(20)]
    rows = reader(table(as_table, asked, [""] * 5), docs=table(as_table, there, texts))
    fates = list(Nearest(of="docs", take=3).run(rows, 0))
    order = np.argsort(-np.asarray(asked) @ np.asarray(there).T, axis=1)[:, :3]
    for fate, places in zip(fates, order, strict=True):
        assert fate.columns["passages"] == [texts[i] for i in places]
        assert fate.columns["passage_ids"] == [f"row{i}" for i in places]


def test_what_has_no_vector_or_no_text_is_not_near(as_table, reader):
    docs = table(as_table, [None, [1.0, 0.0], [0.9, 0.1]], ["none", None, "there"])
    rows = reader(table(as_table, [[1.0, 0.0], None], ["", ""]), docs=docs)
    first, second = Nearest(of="docs", take=3).run(rows, 0)
    assert first.columns["passages"] == ["there"]
    assert second.columns["passages"] == []


def test_no_passages_at_all(as_table, reader):
    docs = table(as_table, [[1.0, 0.0]], ["x"]).slice(0, 0)
    (fate,) = Nearest(of="docs").run(reader(table(as_table, [[1.0, 0.0]], [""]), docs=docs), 0)
    assert fate.columns == {"passages": [], "passage_ids": []}


def test_two_models(as_table, reader):
    docs = table(as_table, [[1.0, 0.0, 0.0]], ["x"])
    rows = reader(table(as_table, [[1.0, 0.0]], [""]), docs=docs)
    with pytest.raises(ValueError, match="embed both by one model"):
        list(Nearest(of="docs").run(rows, 0))
