"""What the card counts and measures, read from the store."""

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from pipelines.report import facts
from pipelines.store import seen
from pipelines.store.log.manifest import Usage
from pipelines.store.query.catalog import open_catalog, quoted
from pipelines.store.runs import Run, RunStep
from pipelines.store.store import Store
from stages.shared.texts.language import likeliest_language

_TEXTS = ("instruction", "response", "chosen", "rejected")
_PAIR_SCORES = ("chosen_score", "rejected_score")
_LANGUAGE_ROWS = 2000
"""Rows whose language is determined; a share of 5 % is then known to about one point."""
_LANGUAGE_SHARE = 0.05
_DRAWN = 20_000
"""Values in a histogram; more would change no bar."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Rows as dictionaries; `values` holds what the pictures show of a sample, by column."""

    rows: int
    stages: list[dict[str, Any]]
    usages: list[tuple[Usage, ...]]
    """Per step, what each of its engines took."""
    reasons: list[dict[str, Any]]
    spreads: list[dict[str, Any]]
    values: dict[str, list[float]]
    languages: list[str]


def read_numbers(store: Store, run: Run) -> Numbers:
    """All of the card's numbers for `run`."""
    columns = run.steps[-1].columns
    measures = {f"{c} (characters)": f"length({c})" for c in _TEXTS if c in columns}
    scores = [step.called("score") for step in run.steps if step.is_for == "judge"]
    measures |= {c: quoted(c) for c in (*scores, *_PAIR_SCORES) if c in columns}
    with closing(open_catalog(store, run)) as catalog:

        def rows(sql: str) -> list[dict[str, Any]]:
            return list(catalog.sql(sql).to_arrow_table().to_pylist())

        spreads = [{"name": name} | rows(_spread(what))[0] for name, what in measures.items()]
        return Numbers(
            rows=rows("SELECT count(*) AS n FROM dataset")[0]["n"],
            stages=facts.stages(catalog),
            usages=[_usages(store, run, step) for step in run.steps],
            reasons=facts.reasons(catalog),
            spreads=[spread for spread in spreads if spread["n"]],
            values={
                name: [float(row["v"]) for row in rows(_values(what))]
                for name, what in measures.items()
            },
            languages=_languages([row["t"] for row in rows(_SAMPLE)]),
        )


def _usages(store: Store, run: Run, step: RunStep) -> tuple[Usage, ...]:
    found = seen.manifest(store, run, step)
    return found.by_engine if found else ()


_SAMPLE = f"""
SELECT instruction AS t FROM dataset WHERE instruction IS NOT NULL ORDER BY id
LIMIT {_LANGUAGE_ROWS}
"""


def _spread(what: str) -> str:
    return f"""
    SELECT count({what}) AS n, min({what})::DOUBLE AS min,
           quantile_cont({what}, 0.1)::DOUBLE AS p10, median({what})::DOUBLE AS median,
           avg({what}) AS mean, quantile_cont({what}, 0.9)::DOUBLE AS p90,
           max({what})::DOUBLE AS max
    FROM dataset
    """


def _values(what: str) -> str:
    """Of a sample: ids are hashes."""
    there = f"SELECT {what} AS v FROM dataset WHERE {what} IS NOT NULL"
    return f"{there} ORDER BY id LIMIT {_DRAWN}"


def _languages(texts: list[str]) -> list[str]:
    """ISO 639-1 codes of at least 5 % of the instructions, the most frequent first."""
    found = Counter(map(likeliest_language, texts))
    return [code for code, n in found.most_common() if n >= _LANGUAGE_SHARE * len(texts)]
