"""The world that is searched: one tenant, many ACLs of very different size, five audiences.

ACL sizes follow Zipf's law, as shares in companies do: the first of 1,000 holds 13 % of everything,
most hold a handful; one more holds a single document. Each ACL admits one group. An audience is a
user in one role group, which is a member of as many ACL groups as it takes to see the wanted share.
What never lives here: the engine, files, measuring.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from ingestion.documents import AclEntrySpec, AclSpec, SourceItem
from tests.benchmarks.texts import Prose

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TENANT: Final = "bench"
SOURCE: Final = "library"

_MODIFIED: Final = datetime(2026, 1, 1, tzinfo=UTC)
_CHUNKS_PER_ACL: Final = 100
_ACLS: Final = (100, 1_000)
_SECTIONS: Final = (1, 12)
_NOOK: Final = 6
"""Sections of the one document under the last ACL: 0.006 % of 100,000."""

_AUDIENCES: Final = ((0.46, 200), (0.058, 20), (0.009, 5), (0.0012, 1))


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a world is. Two worlds of one scale are the same."""

    chunks: int
    seed: int = 7

    @property
    def acls(self) -> int:
        """A hundred chunks an ACL, within bounds; the one of a single document comes on top."""
        return min(max(self.chunks // _CHUNKS_PER_ACL, _ACLS[0]), _ACLS[1])

    @property
    def bases(self) -> int:
        """How many texts are embedded for real; the other vectors are made from these."""
        return max(48, self.chunks // 50)


NEIGHBOUR: Final = "neighbour"
NEIGHBOUR_SCALE: Final = Scale(300)
"""Another tenant, where two share a service."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who asks: a user, the share of all chunks they see, and the groups that admit them."""

    user: str
    share: float
    groups: tuple[str, ...]

    @property
    def role(self) -> str:
        """The group between the user and the groups of the ACLs."""
        return f"group:role-{self.user.removeprefix('user:')}"

    @property
    def label(self) -> str:
        """The share for people: ``46 %``."""
        return f"{100 * self.share:.2g} %"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A document that has not been written yet."""

    number: int
    sections: int
    acl: int


def acl_sizes(scale: Scale) -> list[int]:
    """Chunks under each ACL, the largest first; they add up to the scale's chunks."""
    weights = 1.0 / np.arange(1, scale.acls + 1)
    sizes = np.maximum(1, np.floor(scale.chunks * weights / weights.sum())).astype(int)
    sizes[0] += scale.chunks - int(sizes.sum())
    return [int(size) for size in sizes]


def audiences(scale: Scale) -> list[Audience]:
    """The five who ask, from those who see most to those who see least."""
    sizes = acl_sizes(scale)
    found = []
    for share, groups in _AUDIENCES:
        width = max(1, round(groups * scale.acls / _ACLS[1]))
        windows = np.convolve(sizes, np.ones(width, dtype=int), mode="valid")
        first = int(np.abs(windows - share * scale.chunks).argmin())
        members = tuple(f"group:team-{number:04}" for number in range(first, first + width))
        user = f"user:sees-{100 * share:g}-percent"
        found.append(Audience(user, int(windows[first]) / scale.chunks, members))
    nook = (f"group:team-{scale.acls:04}",)
    return [*found, Audience("user:sees-one-document", _NOOK / scale.chunks, nook)]


def sheets(scale: Scale) -> list[Sheet]:
    """Every document of the world in a shuffled order, so that ACLs lie mixed in the index."""
    dice = random.Random(scale.seed)  # noqa: S311 - a world to measure in, nothing secret
    drawn: list[tuple[int, int]] = []
    for acl, size in enumerate(acl_sizes(scale)):
        left = size
        while left:
            sections = min(dice.randint(*_SECTIONS), left)
            drawn.append((sections, acl))
            left -= sections
    dice.shuffle(drawn)
    drawn.append((_NOOK, scale.acls))
    return [Sheet(number, sections, acl) for number, (sections, acl) in enumerate(drawn)]


@dataclass(frozen=True, slots=True)
class LibrarySource:
    """Implements :class:`ingestion.sources.base.Source`; a document is written when fetched."""

    scale: Scale
    name: str = SOURCE

    def acls(self) -> Sequence[AclSpec]:
        """One ACL for each group, admitting that group alone."""
        return [
            AclSpec(
                f"team-{number:04}",
                parent=None,
                inherit=True,
                entries=(AclEntrySpec("allow", f"group:team-{number:04}"),),
            )
            for number in range(self.scale.acls + 1)
        ]

    def list_items(self) -> Iterator[SourceItem]:
        """Every document."""
        for sheet in sheets(self.scale):
            yield SourceItem(
                external_id=f"{sheet.number:07}-{sheet.sections}.md",
                uri=f"bench://{sheet.number}",
                acl=f"team-{sheet.acl:04}",
                size=0,
                modified_at=_MODIFIED,
                media_type="text/markdown",
            )

    def fetch(self, item: SourceItem) -> bytes:
        """Write the document."""
        number, sections = item.external_id.removesuffix(".md").split("-")
        return Prose.seeded(self.scale.seed, int(number)).document(int(sections)).encode()


def questions(scale: Scale, count: int) -> list[str]:
    """What is asked; every question is asked by every audience of every contender."""
    return [Prose.seeded(scale.seed, "question", number).question() for number in range(count)]
