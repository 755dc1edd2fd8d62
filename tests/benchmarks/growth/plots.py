"""Worlds made of plots: so many chunks, spread evenly over so many ACLs, admitting one group.

A plot is the same in every world it is part of, to the last byte, so that whoever sees the same
plots sees the same things in a small world and in a large one. What never lives here: rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TENANT: Final = "bench"
STEPS: Final = (1_000, 2_000, 5_000, 10_000, 20_000, 40_000, 100_000, 200_000)
"""How many chunks the askers of a corpus see; each sees what the one before does, and more."""

FIXED: Final = 2_000
"""What the asker sees to whom corpora of different size are compared."""

_ACLS_PER_STEP: Final = 10
_CHUNKS_PER_ACL: Final = 100


@dataclass(frozen=True, slots=True)
class Plot:
    """Chunks ``name-0`` and so on of one tenant, seen by ``group:name``."""

    name: str
    chunks: int
    acls: int
    tenant: str = TENANT

    @property
    def group(self) -> str:
        """Whom its ACLs admit."""
        return f"group:{self.name}"


@dataclass(frozen=True, slots=True)
class Asker:
    """A user, a member of the groups of these plots."""

    user: str
    plots: tuple[Plot, ...]

    @property
    def visible(self) -> int:
        """How many chunks they see."""
        return sum(plot.chunks for plot in self.plots)

    @property
    def acls(self) -> int:
        """Under how many ACLs."""
        return sum(plot.acls for plot in self.plots)


@dataclass(frozen=True, slots=True)
class Estate:
    """One world: its plots, and who asks there."""

    name: str
    plots: tuple[Plot, ...]
    askers: tuple[Asker, ...]

    @property
    def chunks(self) -> int:
        """All there are."""
        return sum(plot.chunks for plot in self.plots)

    @property
    def tenants(self) -> int:
        """How many tenants there are."""
        return len({plot.tenant for plot in self.plots})

    def asker(self, visible: int) -> Asker:
        """Whoever sees so many chunks."""
        return next(asker for asker in self.askers if asker.visible == visible)


def corpus(chunks: int, *, shrink: int = 1) -> Estate:
    """A tenant whose askers see from 1,000 chunks up to half of all.

    Args:
        chunks: all there are.
        shrink: divides every figure, for a world that is quickly built.
    """
    return Estate(f"corpus-{chunks // shrink}", *_stepped(chunks, chunks, shrink=shrink))


def many_acls(*, shrink: int = 1) -> Estate:
    """Askers who all see 20,000 chunks, each under another number of ACLs."""
    counts = [10, 100, 1_000, 5_000, 20_000]
    plots = tuple(
        Plot(f"under-{count // shrink or 1}", 20_000 // shrink, count // shrink or 1)
        for count in counts
    )
    askers = tuple(Asker(f"user:{plot.name}", (plot,)) for plot in plots)
    return Estate(f"acls-{20_000 // shrink}", plots, askers)


def many_tenants(tenants: int, *, shrink: int = 1) -> Estate:
    """20,000 chunks; the asker sees 2,000 of their tenant, all else lies with the other tenants."""
    plots, askers = _stepped(20_000, 2 * FIXED, shrink=shrink)
    *own, rest = plots
    others: list[Plot] = [rest] if tenants == 1 else []
    for number in range(1, tenants):
        chunks = rest.chunks * number // (tenants - 1) - rest.chunks * (number - 1) // (tenants - 1)
        others.append(Plot("all", chunks, 1, f"other-{number}"))
    return Estate(f"tenants-{tenants}-{20_000 // shrink}", (*own, *others), askers)


def _stepped(chunks: int, most: int, *, shrink: int) -> tuple[tuple[Plot, ...], tuple[Asker, ...]]:
    """Plots that add up to the steps, as far as half of ``most``, and one that nobody sees."""
    steps = [step // shrink for step in STEPS if 2 * step <= most]
    plots = [
        Plot(f"step-{place}", step - before, _ACLS_PER_STEP)
        for place, (before, step) in enumerate(zip([0, *steps], steps, strict=False))
    ]
    askers = tuple(
        Asker(f"user:sees-{step}", tuple(plots[: place + 1])) for place, step in enumerate(steps)
    )
    left = chunks // shrink - steps[-1]
    rest = Plot("rest", left, max(1, left // _CHUNKS_PER_ACL))
    return (*plots, rest), askers
