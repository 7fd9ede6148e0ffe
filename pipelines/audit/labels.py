"""Labels of people for a run's rows: what is shown, what was said, kept beside the run.

A sample is drawn of the rows that the run's judge has judged, and shown blind: neither verdicts nor
models, and the answers of a pair in an order that is drawn for each row.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.audit.judged import is_pair
from pipelines.store.query.catalog import query, quoted
from pipelines.store.runs import Run, RunStep
from pipelines.store.store import Store
from stages.errors import RunError
from stages.shared.conversation import turn_lines

NAME = "labels.json"


@dataclass(frozen=True, slots=True)
class Item:
    """What a person sees: a request, and one answer or two in the order in which they stand."""

    id: str
    request: str
    answers: tuple[str, ...]
    swapped: bool = False

    def label(self, said: str) -> str | float:
        """What is kept of what was said: "1" to "5" for an answer, "1", "2" or "tie" for a pair.

        Raises:
            ValueError: it is neither.
        """
        if len(self.answers) == 1:
            if said not in ("1", "2", "3", "4", "5"):
                raise ValueError(f"{said!r} is no grade from 1 to 5")
            return float(said)
        sides = {"1": "chosen", "2": "rejected", "tie": "tie"}
        if said not in sides:
            raise ValueError(f"{said!r} is no 1, 2 or tie")
        other = {"chosen": "rejected", "rejected": "chosen"}
        return other.get(sides[said], "tie") if self.swapped else sides[said]


def sample(store: Store, run: Run, step: RunStep, count: int) -> list[Item]:
    """`count` rows of the judge, the same for each call: drawn by the run's seed."""
    names: tuple[str, ...] = ("instruction", "response")
    if is_pair(step):
        names = ("instruction", "chosen", "rejected")
    elif step.called("response") not in step.columns:
        return _conversations(store, run, step, count)
    selected = ", ".join(f"{quoted(step.called(name))} AS {quoted(name)}" for name in names)
    sql = f"SELECT id, {selected} FROM {quoted(step.name)} ORDER BY id"
    rows = query(store, run, sql).to_pylist()
    draw = random.Random(f"{run.seed} labels")
    drawn = draw.sample(rows, min(count, len(rows)))
    return [_item(row, names[1:], draw) for row in drawn]


def _conversations(store: Store, run: Run, step: RunStep, count: int) -> list[Item]:
    """Of a judge of conversations: each as a whole, in place of an answer."""
    messages = quoted(step.called("messages"))
    sql = f"SELECT id, {messages} AS messages FROM {quoted(step.name)} ORDER BY id"
    rows = query(store, run, sql).to_pylist()
    drawn = random.Random(f"{run.seed} labels").sample(rows, min(count, len(rows)))
    return [Item(row["id"], "", ("\n\n".join(turn_lines(row["messages"] or [])),)) for row in drawn]


def _item(row: Mapping[str, Any], sides: Sequence[str], draw: random.Random) -> Item:
    answers = tuple(row[side] or "" for side in sides)
    swapped = len(answers) > 1 and draw.random() < 0.5
    return Item(row["id"], row["instruction"] or "", answers[::-1] if swapped else answers, swapped)


def read(store: Store, run: Run, step: RunStep) -> dict[str, str | float]:
    """Labels by row id that people gave for what the judge judged.

    Raises:
        RunError: the file is damaged.
    """
    return _all(store, run).get(step.name, {})


def write(store: Store, run: Run, step: RunStep, labels: Mapping[str, str | float]) -> None:
    """Keep the labels, in place of those that were there for the judge."""
    kept = {**_all(store, run), step.name: dict(labels)}
    store.run(run.id).put(NAME, json.dumps(kept, indent=1).encode())


def _all(store: Store, run: Run) -> dict[str, dict[str, str | float]]:
    try:
        found: dict[str, dict[str, str | float]] = json.loads(store.run(run.id).read(NAME))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        where = store.run(run.id).uri(NAME)
        raise RunError(f"{where} is damaged ({error})", "Set it aside and label again.") from None
    return found
