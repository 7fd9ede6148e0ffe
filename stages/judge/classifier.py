"""Learn from labelled texts what is good, and say of every text how likely it is to be.

In:  {text: "Mix flour, water and salt.", label: true}, {text: "BUY NOW!!! click", label: false}, …
     and {text: "Knead the dough for ten minutes.", label: null}
Out: {probability: 0.87} for the last; of labelled rows what the others' labels make of them

A linear classifier over words and pairs of neighbouring words, as DCLM's filter of web pages is
(arXiv:2406.11794), whose positives were good answers and whose negatives were pages as they come.
A labelled row is scored by one of five classifiers that was not shown it, or not at all where a
class has fewer than five rows. Null where the text is null.
"""

from collections.abc import Iterable
from itertools import compress
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from typing_extensions import override

from stages.base import Columns, Fate, Kept, Role, SetStage, ShardReader
from stages.errors import RunError

_FOLDS = 5
_FEATURES = 2**20


class Classifier(SetStage):
    """`columns: {text: …, label: …}`; labels are true, false or null."""

    role: ClassVar[Role] = "judge"
    uses_seed: ClassVar[bool] = False
    cites: ClassVar[tuple[str, ...]] = ("dclm",)
    needs: ClassVar[tuple[str, ...]] = ("text", "label")
    adds: ClassVar[Columns] = {"probability": pa.float64()}

    @override
    def run(self, rows: ShardReader, seed: int) -> Iterable[Fate]:
        learnt = _learn(rows)
        held_out = iter(learnt.held_out)
        for table in rows.tables(["text", "label"]):
            pairs = list(zip(table["text"].to_pylist(), table["label"].to_pylist(), strict=True))
            new = [text for text, label in pairs if text is not None and label is None]
            scores = iter(learnt.probabilities(new))
            for text, label in pairs:
                known = text is not None
                found = next(scores if label is None else held_out) if known else None
                yield Kept({"probability": found})


class _Learnt:
    """A classifier, and what classifiers that had not seen them say of the labelled texts."""

    def __init__(self, texts: list[str], labels: list[bool]) -> None:
        # Imported here: it takes a second, and planning needs none of it.
        from sklearn.feature_extraction.text import HashingVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold, cross_val_predict

        self._vectors = HashingVectorizer(
            n_features=_FEATURES, ngram_range=(1, 2), alternate_sign=False
        )
        seen, wanted = self._vectors.transform(texts), np.array(labels)
        self._model = LogisticRegression(C=100.0, max_iter=1000).fit(seen, wanted)
        self.held_out: list[float | None] = [None] * len(texts)
        if min(sum(labels), len(labels) - sum(labels)) >= _FOLDS:
            model = LogisticRegression(C=100.0, max_iter=1000)
            found = cross_val_predict(
                model, seen, wanted, cv=StratifiedKFold(_FOLDS), method="predict_proba"
            )
            self.held_out = found[:, 1].tolist()

    def probabilities(self, texts: list[str]) -> list[float]:
        """Of being good."""
        if not texts:
            return []
        found: Any = self._model.predict_proba(self._vectors.transform(texts))
        return list(map(float, found[:, 1]))


def _learn(rows: ShardReader) -> _Learnt:
    texts: list[str] = []
    labels: list[bool] = []
    for table in rows.tables(["text", "label"]):
        text, label = table["text"].to_pylist(), table["label"].to_pylist()
        there = [a is not None and b is not None for a, b in zip(text, label, strict=True)]
        texts += compress(text, there)
        labels += compress(label, there)
    if len(set(labels)) < 2:
        cause = "judge.classifier has no text labelled true or none labelled false to learn from"
        raise RunError(cause, "Label some of each in the column that `label` is.")
    return _Learnt(texts, labels)
