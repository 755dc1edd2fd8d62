"""What the gate found: a check for each condition, and the report over all of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class Condition(StrEnum):
    """What a generation must hold to before it is served."""

    COVERAGE = "coverage"
    ACL_PARITY = "acl_parity"
    QUALITY = "quality"
    LATENCY = "latency"
    TWO_WORLDS = "two_worlds"


@dataclass(frozen=True, slots=True)
class Check:
    """How a generation stands to one condition.

    Attributes:
        condition: which.
        passed: whether it holds.
        detail: what was found, in one sentence without names or texts.
        figures: what was measured.
    """

    condition: Condition
    passed: bool
    detail: str
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class GateReport:
    """A generation compared with the active one, condition by condition."""

    generation: str
    against: str | None
    at: datetime
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every condition holds."""
        return all(check.passed for check in self.checks)

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return asdict(self) | {"passed": self.passed, "at": self.at.isoformat()}


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the query set.

    Attributes:
        text: as a caller would ask it.
        relevant: external ids of the documents that answer it; empty if nobody has said.
    """

    text: str
    relevant: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How far a generation may fall short of the active one.

    Attributes:
        depth: how many documents of an answer are looked at.
        ndcg_loss: how much mean nDCG may be lost on labelled questions.
        overlap: least mean share of documents that both answer, on unlabelled questions.
        latency_ratio: most that the median query may take, as a multiple of the active one's.
        latency_floor: seconds below which a median is no matter.
        world: most chunks copied for one caller's other world.
    """

    depth: int = 10
    ndcg_loss: float = 0.02
    overlap: float = 0.5
    latency_ratio: float = 2.0
    latency_floor: float = 0.005
    world: int = 5_000
