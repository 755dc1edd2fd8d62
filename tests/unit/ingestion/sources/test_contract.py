"""The contract suite for sources: what keeps to it passes, and each way not to is noticed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from ingestion.documents import AclEntrySpec, AclSpec, SourceFailure, SourceItem
from ingestion.errors import SourceError
from ingestion.sources.base import Changes
from ingestion.sources.contract import NOWHERE, ContractError, check_source
from ingestion.sources.folder import FolderSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EVERYONE = AclEntrySpec("allow", "everyone")
NAIVE = datetime(2030, 1, 1)  # noqa: DTZ001 - the very mistake


class Shelf:
    """A source that keeps the contract; what a test overrides breaks it."""

    name: Any = "shelf"
    specs: tuple[AclSpec, ...] = (
        AclSpec("a", None, True, (EVERYONE,)),
        AclSpec("b", "a", True, ()),
    )
    listed: tuple[Any, ...] = (
        SourceItem("one", "x://one", "a", 3, None, place="p1"),
        SourceItem("two", "x://two", None, 0, None),
        SourceFailure("three", "broken", "mend it"),
    )

    def acls(self) -> Any:
        return self.specs

    def list_items(self) -> Any:
        yield from self.listed

    def fetch(self, item: SourceItem) -> Any:
        if item in self.listed:
            return item.external_id.encode()
        raise SourceError(f"{item.external_id}: is not here")


class Feed(Shelf):
    """The same, telling changes."""

    def changes(self, cursor: str | None) -> Changes:
        if cursor not in {None, "end"}:
            raise SourceError("cursor: is none")
        return Changes(iter(() if cursor else self.listed), "end", complete=cursor is None)


def one(**other: Any) -> tuple[Any, ...]:
    return (replace(Shelf.listed[0], **other), *Shelf.listed[1:])


def admitting(**other: Any) -> tuple[AclSpec, ...]:
    return (replace(Shelf.specs[0], entries=(replace(EVERYONE, **other),)), *Shelf.specs[1:])


class Eager(Shelf):
    def list_items(self) -> Any:
        return list(self.listed)


class Open(Shelf):
    def fetch(self, item: SourceItem) -> Any:
        return b"one"[: item.size or 3]


class Silent(Shelf):
    def fetch(self, item: SourceItem) -> Any:
        return "one" if item in self.listed else super().fetch(item)


class Restless(Shelf):
    turns = 0

    def list_items(self) -> Iterator[Any]:
        Restless.turns += 1
        yield replace(self.listed[0], sequence=Restless.turns)


class Forgetful(Shelf):
    """Fetches by what this very object listed, which a resumed run does not have."""

    def __init__(self) -> None:
        self.known: set[int] = set()

    def list_items(self) -> Iterator[Any]:
        for entry in self.listed:
            self.known.add(id(entry))
            yield entry

    def fetch(self, item: SourceItem) -> Any:
        if id(item) not in self.known:
            raise SourceError("is not known")
        return super().fetch(item)


class Gullible(Feed):
    def changes(self, cursor: str | None) -> Changes:
        return super().changes("end" if cursor == NOWHERE else cursor)


class Partial(Feed):
    def changes(self, cursor: str | None) -> Changes:
        return replace(super().changes(cursor), complete=False)


BREACHES: dict[str, tuple[type[Shelf], dict[str, Any]]] = {
    "letters, digits": (Shelf, {"name": "a:b"}),
    "before its parent": (Shelf, {"specs": Shelf.specs[::-1]}),
    "stated twice": (Shelf, {"specs": Shelf.specs * 2}),
    "write user:ID": (
        Shelf,
        {"specs": (AclSpec("a", None, True, (replace(EVERYONE, principal="x"),)),)},
    ),
    "expires_at has no zone": (Shelf, {"specs": admitting(expires_at=NAIVE)}),
    "listed twice": (Shelf, {"listed": Shelf.listed * 2}),
    "states no 'c'": (Shelf, {"listed": one(acl="c")}),
    "control characters": (Shelf, {"listed": one(external_id="a\n")}),
    "NFC": (Shelf, {"listed": one(external_id="cafe\u0301")}),
    "the slash": (Shelf, {"listed": one(external_id="a/")}),
    "no uri": (Shelf, {"listed": one(uri="")}),
    "negative size": (Shelf, {"listed": one(size=-1)}),
    "no zone": (Shelf, {"listed": one(modified_at=NAIVE)}),
    "was listed with": (Shelf, {"listed": one(size=4)}),
    "says why": (Shelf, {"listed": (*one(), SourceFailure("x", "", ""))}),
    "names no document": (Shelf, {"listed": ()}),
    "must be lazy": (Eager, {}),
    "never listed": (Open, {}),
    "is not bytes": (Silent, {}),
    "differs from the first": (Restless, {}),
    "cannot be fetched": (Forgetful, {}),
    "a cursor that it never gave": (Gullible, {}),
    "must be complete": (Partial, {}),
}


def test_sources_that_keep_it_pass(tmp_path: Path) -> None:
    check_source(Shelf)
    check_source(Feed)
    (tmp_path / ".acl.yaml").write_text("allow: [everyone]\nfiles: {b*: {deny: [user:eve]}}")
    for name in ("a.txt", "b.txt", "cafe\u0301.txt"):
        (tmp_path / name).write_text(name)
    check_source(lambda: FolderSource(tmp_path, name="docs"))


@pytest.mark.parametrize("words", BREACHES)
def test_each_breach_is_noticed_and_named(words: str) -> None:
    kind, changed = BREACHES[words]
    make: Callable[[], Any] = type("Broken", (kind,), changed)
    with pytest.raises(ContractError, match=words):
        check_source(make)
