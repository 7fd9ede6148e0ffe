"""Labels of people for a run's rows: what is shown, what was said, kept beside the run.

A sample is drawn of the rows that the run's judge has judged, and shown blind: neither verdicts nor
models, and the answers of a pair in an order that is drawn for each row.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from pipelines.audit.verdicts.judges import is_pair, judged
from pipelines.audit.verdicts.pairs import compared
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
    buttons: tuple[tuple[str, str], ...] = ()
    """What may be said, with its words."""
    asked: str = ""
    """What the judge goes by, for the person to go by too."""

    def label(self, said: str) -> str | float:
        """What is kept of what was said: a grade for an answer, "1", "2" or "tie" for a pair.

        Raises:
            ValueError: it is none of the buttons.
        """
        if len(self.answers) == 1:
            if said not in dict(self.buttons):
                raise ValueError(f"{said!r} is no grade of {', '.join(dict(self.buttons))}")
            return float(said)
        sides = {"1": "chosen", "2": "rejected", "tie": "tie"}
        if said not in sides:
            raise ValueError(f"{said!r} is no 1, 2 or tie")
        other = {"chosen": "rejected", "rejected": "chosen"}
        return other.get(sides[said], "tie") if self.swapped else sides[said]


_PAIR = (("1", "Answer 1 is better"), ("2", "Answer 2 is better"), ("tie", "Equally good or bad"))
_SHARES = (("0", "none"), ("0.25", "a quarter"), ("0.5", "half"), ("0.75", "most"), ("1", "all"))
_QUALITY = {1: "useless or wrong", 2: "poor", 3: "partly right", 4: "good", 5: "excellent"}


def _buttons(step: RunStep) -> tuple[tuple[tuple[str, str], ...], str]:
    """What may be said of a row, on the judge's own scale, and what the judge goes by."""
    settings = step.facts.get("settings", {})
    rubric = str(settings.get("rubric") or "")
    if is_pair(step):
        return _PAIR, rubric
    if step.path == "judge.checklist":
        questions = settings.get("questions") or ["How many of its checklist's questions hold?"]
        return _SHARES, "\n".join(questions)
    low, high = settings.get("scale") or (1, 5)
    levels = {int(k): v for k, v in (settings.get("levels") or {}).items()}
    if not levels:
        plain = _QUALITY if step.path == "judge.quality" else {low: "not at all", high: "fully"}
        levels = {grade: plain.get(grade, "") for grade in range(low, high + 1)}
    criteria = "\n".join((settings.get("criteria") or {}).values())
    return tuple((str(k), levels[k]) for k in sorted(levels)), rubric or criteria


def scale(step: RunStep) -> tuple[float, ...]:
    """The grades that a judge of single answers goes by, from the lowest."""
    return tuple(float(grade) for grade, _ in _buttons(step)[0])


def sample(store: Store, run: Run, step: RunStep, count: int) -> list[Item]:
    """`count` rows of the judge, the same for each call: drawn by the run's seed."""
    draw = random.Random(f"{run.seed} labels")
    if is_pair(step):
        # Of all that the audit counts: labels of decided pairs alone would say nothing of ties.
        pairs = compared(store, run, step)
        drawn = draw.sample(pairs, min(count, len(pairs)))
        return [_item(row, ("chosen", "rejected"), draw, step) for row in drawn]
    text = judged(step) or "instruction"
    if text == "messages":
        return _conversations(store, run, step, count)
    names = dict.fromkeys(("instruction", text))
    selected = ", ".join(f"{quoted(step.called(name))} AS {quoted(name)}" for name in names)
    sql = f"SELECT id, {selected} FROM {quoted(step.name)} ORDER BY id"
    rows = query(store, run, sql).to_pylist()
    drawn = draw.sample(rows, min(count, len(rows)))
    return [_item(row, (text,), draw, step) for row in drawn]


def _conversations(store: Store, run: Run, step: RunStep, count: int) -> list[Item]:
    """Of a judge of conversations: each as a whole, in place of an answer."""
    messages = quoted(step.called("messages"))
    sql = f"SELECT id, {messages} AS messages FROM {quoted(step.name)} ORDER BY id"
    rows = query(store, run, sql).to_pylist()
    drawn = random.Random(f"{run.seed} labels").sample(rows, min(count, len(rows)))
    texts = ("\n\n".join(turn_lines(row["messages"] or [])) for row in drawn)
    buttons, asked = _buttons(step)
    return [
        Item(row["id"], "", (text,), buttons=buttons, asked=asked)
        for row, text in zip(drawn, texts, strict=True)
    ]


def _item(row: Mapping[str, Any], sides: Sequence[str], draw: random.Random, step: RunStep) -> Item:
    answers = tuple(row[side] or "" for side in sides)
    swapped = len(answers) > 1 and draw.random() < 0.5
    shown = answers[::-1] if swapped else answers
    return Item(row["id"], row["instruction"] or "", shown, swapped, *_buttons(step))


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
        content = store.run(run.id).read(NAME)
        return msgspec.json.decode(content, type=dict[str, dict[str, str | float]])
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        where = store.run(run.id).uri(NAME)
        raise RunError(f"{where} is damaged ({error})", "Set it aside and label again.") from None
