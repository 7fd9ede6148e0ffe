"""Clusters of embeddings and means of groups: what was planted is found."""

import numpy as np
import pyarrow as pa
import pytest

from stages.annotate.cluster import Cluster
from stages.annotate.group_mean import GroupMean
from stages.errors import RunError


def planted(each=20, dimensions=8, noise=0.05):
    """`each` rows around each axis, of unit length, one after another."""
    draw = np.random.default_rng(3)
    rows = []
    for axis in range(4):
        for _ in range(each):
            vector = draw.normal(0, noise, dimensions)
            vector[axis] += 1
            rows.append((vector / np.linalg.norm(vector)).tolist())
    return rows


def clusters(vectors, reader, as_table, count=4, seed=1):
    table = as_table([{"embedding": vector} for vector in vectors])
    return [fate.columns for fate in Cluster(clusters=count).run(reader(table), seed)]


def test_planted_clusters_are_found_whatever_the_seed(reader, as_table):
    for seed in range(5):
        found = [each["cluster"] for each in clusters(planted(), reader, as_table, seed=seed)]
        groups = [set(found[start : start + 20]) for start in range(0, 80, 20)]
        assert all(len(group) == 1 for group in groups)
        assert len(set.union(*groups)) == 4


def test_ranks_go_from_the_centre_outwards(reader, as_table):
    vectors = planted()
    found = clusters(vectors, reader, as_table)
    for number in range(4):
        own = [(each, vector) for each, vector in zip(found, vectors, strict=True)
               if each["cluster"] == number]  # fmt: skip
        centre = np.mean([vector for _, vector in own], axis=0)
        far = [float(((np.asarray(vector) - centre) ** 2).sum()) for _, vector in own]
        assert [each["cluster_distance"] for each, _ in own] == pytest.approx(far, abs=1e-5)
        by_rank = sorted(range(20), key=lambda i: own[i][0]["cluster_rank"])
        assert by_rank == sorted(range(20), key=lambda i: own[i][0]["cluster_distance"])


def test_rows_without_a_vector_and_sets_of_few(reader, as_table):
    vectors = [[1.0, 0.0], None, [1.0, 0.0], [0.0, 1.0]]
    found = clusters(vectors, reader, as_table, count=10)
    assert found[1] == {"cluster": None, "cluster_distance": None, "cluster_rank": None}
    assert found[0]["cluster"] == found[2]["cluster"] != found[3]["cluster"]
    assert {found[0]["cluster_rank"], found[2]["cluster_rank"]} == {0, 1}
    table = as_table([{"embedding": None}] * 2, embedding=pa.list_(pa.float32()))
    none = [fate.columns for fate in Cluster(clusters=3).run(reader(table), 0)]
    assert [each["cluster"] for each in none] == [None, None]


def test_copies_of_a_row_are_not_centres_of_their_own(reader, as_table):
    vectors = [[1.0, 0.0, 0.0]] * 100 + [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    for seed in range(20):
        found = clusters(vectors, reader, as_table, count=3, seed=seed)
        assert len({each["cluster"] for each in found}) == 3
        assert max(each["cluster_distance"] for each in found) < 1e-6


def test_values_that_faiss_cannot_square_are_one_cause(reader, as_table):
    with pytest.raises(RunError, match=r"up to 1e\+15, not 2e\+19"):
        clusters([[2e19, 0.0], [0.0, 1.0]], reader, as_table, count=2)


def test_means_are_those_of_the_group(reader, as_table):
    scores = [(5.0, 3), (4.0, 3), (1.0, 7), (None, 7), (None, 8), (2.0, None), (float("nan"), 3)]
    first = as_table([{"score": score, "group": group} for score, group in scores[:3]])
    second = as_table([{"score": score, "group": group} for score, group in scores[3:]])
    found = [fate.columns for fate in GroupMean().run(reader(first, second), 0)]
    means = [each["group_mean"] for each in found]
    assert means == [4.5, 4.5, 1.0, 1.0, None, None, 4.5]
    assert [each["group_rows"] for each in found] == [2, 2, 1, 1, None, None, 2]
    large = as_table([{"score": 1e308, "group": "a"}] * 3)
    means = [fate.columns["group_mean"] for fate in GroupMean().run(reader(large), 0)]
    assert means == pytest.approx([1e308] * 3)
