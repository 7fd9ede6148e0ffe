"""What the steps of a plan, and their views in SQL, are called."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from pipelines.recipe.entries import Entry, Rounds
from pipelines.recipe.lookup import stage_path
from pipelines.store.runs import VIEWS
from stages.errors import UserError


def _flat(listed: Sequence[Entry | Rounds]) -> Iterator[Entry]:
    """The list's entries in order, rounds written out."""
    for entry in listed:
        if isinstance(entry, Rounds):
            yield from entry.stages * entry.times
            yield from [entry.cut] if entry.cut else []
        else:
            yield entry


def step_names(lists: Mapping[str, Sequence[Entry | Rounds]]) -> dict[str, Iterator[str]]:
    """What `as` says; else `judge_quality`, or `judge_quality_1`, `_2` … where that is twice.

    In a chain the chain's name comes first.
    """
    plain = {
        chain: [e.name or "_".join(filter(None, (chain, _called(e)))) for e in _flat(listed)]
        for chain, listed in lists.items()
    }
    total, seen = Counter(name for names in plain.values() for name in names), Counter[str]()
    numbered: dict[str, list[str]] = {chain: [] for chain in lists}
    for chain, names in plain.items():
        for name in names:
            seen[name] += 1
            numbered[chain].append(f"{name}_{seen[name]}" if total[name] > 1 else name)
    lower = Counter(name.lower() for names in numbered.values() for name in names)
    for name, times in lower.items():
        if times > 1 or name in VIEWS:
            taken = "another view of a run" if name in VIEWS else "another stage"
            raise UserError(f"the name '{name}' is that of {taken}", "Give another name by `as`.")
    return {chain: iter(names) for chain, names in numbered.items()}


def _called(entry: Entry) -> str:
    return stage_path(entry.stage).replace(".", "_")
