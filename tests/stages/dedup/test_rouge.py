"""ROUGE-L as Self-Instruct uses it."""

import json
import random

import pytest

from stages.base import Dropped, Kept
from stages.dedup.rouge import Rouge


def fates(as_table, reader, texts, against=(), **settings):
    chains = {"seeds": as_table([{"instruction": t} for t in against])} if against else {}
    stage = Rouge(against=tuple(chains), **settings)
    table = as_table([{"instruction": text} for text in texts])
    return list(stage.run(reader(table, **chains), 0))


def test_of_the_175_seed_tasks_two_pairs_are_above_the_threshold(as_table, reader, root):
    """0.8235 and 0.75, as `rouge_score` computes them."""
    file = root / "configs/seeds/self_instruct_seed_tasks.jsonl"
    texts = [json.loads(line)["instruction"] for line in file.read_text("utf-8").splitlines()]
    dropped = [f for f in fates(as_table, reader, texts) if isinstance(f, Dropped)]
    assert [fate.detail for fate in dropped] == [
        "ROUGE-L 0.82 with row47", "ROUGE-L 0.75 with row77",
    ]  # fmt: skip


def test_a_row_is_compared_with_kept_rows_only(as_table, reader):
    chain = ["a b c d e f", "a b c d e g", "a b c d h g"]
    assert [type(f) for f in fates(as_table, reader, chain, threshold=0.8)] == [
        Kept, Dropped, Kept,
    ]  # fmt: skip


def test_a_chain_counts_as_kept(as_table, reader):
    (fate,) = fates(as_table, reader, ["Name three rivers!"], against=["name three rivers"])
    assert fate == Dropped("dedup.rouge", "ROUGE-L 1.00 with row0")
    (fate,) = fates(as_table, reader, ["Sort a list"], against=["name three rivers"])
    assert fate == Kept({"nearest_rouge": 0.0})


def test_other_scripts_are_compared_letter_by_letter(as_table, reader):
    texts = ["请告诉我三条河流", "请告诉我三条河", "写一首诗"]
    assert [type(fate) for fate in fates(as_table, reader, texts)] == [Kept, Dropped, Kept]


def test_one_word_in_common_is_not_all_of_a_text_in_another_script(as_table, reader):
    texts = ["用 Python 写一个排序函数", "请解释 Python 的装饰器是什么"]
    assert [type(fate) for fate in fates(as_table, reader, texts)] == [Kept, Kept]


def test_nothing_is_like_a_text_without_words(as_table, reader):
    assert [type(f) for f in fates(as_table, reader, ["", None, "?!", "?!"])] == [Kept] * 4


def naive(a, b):
    a, b = a.split(), b.split()
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            longer = max(table[i][j + 1], table[i + 1][j])
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else longer
    return 2 * table[-1][-1] / (len(a) + len(b))


def test_as_the_plain_rule_over_several_blocks(as_table, reader, monkeypatch):
    monkeypatch.setattr("stages.dedup.rouge._BLOCK", 7)
    draw = random.Random(4)
    texts = [" ".join(draw.choices("abcd", k=draw.randint(3, 7))) for _ in range(60)]
    kept = []
    for text, fate in zip(texts, fates(as_table, reader, texts), strict=True):
        best = max((naive(text, other) for other in kept), default=None)
        assert isinstance(fate, Dropped) == (best is not None and best > 0.7)
        if isinstance(fate, Kept):
            assert fate.columns["nearest_rouge"] == (best if best is None else pytest.approx(best))
            kept.append(text)
