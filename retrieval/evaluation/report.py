"""What an evaluation found: figures of the whole file and of each family, ready to be shown."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Self

    from retrieval.evaluation.resample import Estimate, Resampling

UNNAMED = "(none)"
"""The family of lines that name none."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Measures of some texts.

    Attributes:
        counts: how many texts of each label.
        measures: by name.
    """

    counts: Mapping[str, int]
    measures: Mapping[str, Estimate]

    @property
    def total(self) -> int:
        """How many texts."""
        return sum(self.counts.values())

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        measures = {name: estimate.to_dict() for name, estimate in self.measures.items()}
        return {"texts": self.total, "labels": dict(self.counts), **measures}


@dataclass(frozen=True, slots=True)
class Report:
    """An evaluation.

    Attributes:
        task: what was evaluated.
        scorer: what gave the scores.
        overall: figures of all texts.
        families: of each family, by name.
        seconds: that scoring took, by the wall clock.
        resampling: behind the intervals.
    """

    task: str
    scorer: str
    overall: Figures
    seconds: float
    resampling: Resampling
    families: Mapping[str, Figures] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        task: str,
        scorer: str,
        names: Sequence[str | None],
        figures: Callable[[Sequence[int]], Figures],
        *,
        seconds: float,
        resampling: Resampling,
    ) -> Self:
        """Take the figures of a whole file and of each family in it.

        Args:
            task: what was evaluated.
            scorer: what gave the scores.
            names: of each line, the family; None if it names none.
            figures: of the lines at some places.
            seconds: that scoring took.
            resampling: behind the intervals.
        """
        return cls(
            task,
            scorer,
            figures(range(len(names))),
            seconds,
            resampling,
            {family: figures(places) for family, places in families_of(names).items()},
        )

    @property
    def texts_per_second(self) -> float:
        """How fast the scores came."""
        return self.overall.total / self.seconds if self.seconds > 0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "task": self.task,
            "scorer": self.scorer,
            "overall": self.overall.to_dict(),
            "families": {name: found.to_dict() for name, found in self.families.items()},
            "speed": {
                "seconds": round(self.seconds, 3),
                "texts_per_second": round(self.texts_per_second, 1),
            },
            "intervals": self.resampling.to_dict(),
        }


def families_of(names: Iterable[str | None]) -> dict[str, list[int]]:
    """Which lines belong to each family, the families in alphabetical order."""
    found: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        found.setdefault(name or UNNAMED, []).append(place)
    return dict(sorted(found.items()))


def counted(labels: Iterable[str], order: Iterable[str]) -> dict[str, int]:
    """How many of each label, in a stated order."""
    counts = Counter(labels)
    return {label: counts[label] for label in order}
