"""Keep the rows that one of Magpie's published filters keeps (arXiv:2406.08464).

In:  {input_quality: "good", difficulty: "medium", min_neighbor_distance: 0.31, reward: -8.2, …}
Out: the row as it is, or dropped as filter.magpie_quality, .magpie_difficulty, .magpie_distance,
     .magpie_reward, .magpie_difference, .magpie_colon or .magpie_repeats

    - {use: filter.magpie_preset, preset: pro}
    - {use: select.top, columns: {value: response}, rows: 300000}   # the paper's last step

`air`, `pro` and `filter2` to `filter6` are those of the paper's table 5, `notebook` that of the
released notebook, which differs. Which columns a row needs follows from the preset: tags by
`annotate.tags`, distances by `annotate.neighbours`, rewards by `score.reward`, their difference to
a base model's answer by `score.difference`. Not part of it: the length filter (`select.top`, see
above; `filter5` has none), and of `filter6` the half of easy rows (`select.quota`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from typing_extensions import override

from stages.base import Dropped, Fate, Kept, Role, Row, RowStage

_QUALITIES = ("very poor", "poor", "average", "good", "excellent")
_DIFFICULTIES = ("very easy", "easy", "medium", "hard", "very hard")


@dataclass(frozen=True, slots=True)
class _Preset:
    """The least of each; None where the filter does not look."""

    quality: str | None = None
    difficulty: str | None = None
    distance: bool = False
    reward: float | None = None
    difference: float | None = None
    notebook: bool = False

    def checks(self) -> Iterator[tuple[str, str, Callable[[Any], bool]]]:
        """Why a row is dropped, the column that is looked at, and when it passes."""
        if self.quality:
            yield "filter.magpie_quality", "input_quality", _least(self.quality, _QUALITIES)
        if self.difficulty:
            yield "filter.magpie_difficulty", "difficulty", _least(self.difficulty, _DIFFICULTIES)
        if self.distance:
            yield "filter.magpie_distance", "min_neighbor_distance", _above(0.0)
        if self.reward is not None:
            yield "filter.magpie_reward", "reward", _above(self.reward)
        if self.difference is not None:
            yield "filter.magpie_difference", "reward_difference", _above(self.difference)
        if self.notebook:
            yield "filter.magpie_colon", "instruction", lambda text: not (text or "").endswith(":")
            yield "filter.magpie_repeats", "repeats_earlier", lambda repeats: not repeats


_PRESETS: Mapping[str, _Preset] = {
    "air": _Preset("good", "medium", distance=True, difference=0.0),
    "pro": _Preset("average", distance=True, reward=-12.0),
    "filter2": _Preset("good", "easy", reward=-12.0),
    "filter3": _Preset(distance=True, reward=-12.0),
    "filter4": _Preset("good", "easy", difference=0.0),
    "filter5": _Preset("good", "easy", reward=-12.0),
    "filter6": _Preset(None, "easy", reward=-12.0),
    "notebook": _Preset("good", reward=-10.0, notebook=True),
}


class MagpiePreset(RowStage):
    """A row without a tag or a number that the filter looks at is dropped by it."""

    role: ClassVar[Role] = "filter"
    cites: ClassVar[tuple[str, ...]] = ("magpie",)

    preset: Literal["air", "pro", "filter2", "filter3", "filter4", "filter5", "filter6", "notebook"]

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        return tuple(column for _, column, _ in _PRESETS[self.preset].checks())

    @override
    def decide(self, row: Row) -> Fate:
        for reason, column, passes in _PRESETS[self.preset].checks():
            if not passes(row[column]):
                return Dropped(reason, f"{row[column]}"[:80])
        return Kept()


def _least(value: str, order: tuple[str, ...]) -> Callable[[Any], bool]:
    """Whether a tag is `value` or better."""
    return lambda found: found in order[order.index(value) :]


def _above(bound: float) -> Callable[[Any], bool]:
    return lambda found: found is not None and found > bound
