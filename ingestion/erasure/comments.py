"""What erasing needs of whoever keeps comments: callers' own words on what they were shown.

A comment may quote what it is about, so it goes with it. Comments are kept by another layer, in
another database; what never lives here: that layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from acl.orm import Database


class Remark(NamedTuple):
    """Which comment: on what kind of thing, on which, by whom. Ids and keyed digests alone."""

    about: str
    target: str
    caller: str


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment and its text."""

    remark: Remark
    text: str


class Comments(Protocol):
    """The comments of an installation."""

    @property
    def database(self) -> Database:
        """Where they are kept."""

    def shown(self, tenant: str, documents: Sequence[str]) -> set[str]:
        """Ids of the chunks in which documents were ever shown to anybody."""

    def find(
        self,
        tenant: str,
        *,
        documents: Sequence[str],
        chunks: Collection[str],
        term: str | None,
    ) -> list[Comment]:
        """Find the comments that are to go with what is erased.

        Args:
            tenant: whose.
            documents: those on answers that showed one of these.
            chunks: those on one of these.
            term: those that say this, case folded; None for no such.
        """

    def forget(self, tenant: str, remarks: Collection[Remark]) -> None:
        """Remove the text of comments. Asked twice, the second time changes nothing."""

    def left(self, tenant: str, remarks: Collection[Remark]) -> int:
        """How many of the comments still have a text."""

    def say(self, words: str) -> bool:
        """Whether any comment, of whichever tenant, says this to the letter."""
