"""What every source must keep to, as a suite that whoever writes a plug-in can run.

::

    def test_my_source_keeps_the_contract() -> None:
        check_source(lambda: MySource("wiki", some_content))

A run of ingestion relies on each of these: an interrupted one is resumed by listing again, in
another process that knows an item by its fields alone. What never lives here: a test framework.
"""

from __future__ import annotations

import unicodedata
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from acl.entries import check_name
from acl.errors import AclError
from ingestion.documents import Removal, SourceFailure, SourceItem
from ingestion.errors import SourceError
from ingestion.sources.acl_file import parse_principal
from ingestion.sources.base import Source, TellsChanges
from ingestion.sources.kind import checked_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ingestion.documents import AclSpec

NOWHERE = "no such document \u2603"


class ContractError(AssertionError):
    """A source does not keep to the contract; the message says where."""


def check_source(make_source: Callable[[], Source]) -> None:
    """Check a source; returns if it keeps to the contract.

    Args:
        make_source: opens the same unchanged content anew at every call; at least one document.

    Raises:
        ContractError: it does not.
    """
    source = make_source()
    _check_name(source)
    acls = list(source.acls())
    check_acls(acls)
    _expect(list(make_source().acls()) == acls, "acls: two sources state different ones")
    listed = _listed(source)
    check_entries(listed, acls)
    _check_repeatable(make_source, listed)
    items = [entry for entry in listed if isinstance(entry, SourceItem)]
    _expect(bool(items), "list_items: names no document; give the suite one that holds some")
    _check_fetching(make_source, items)
    if isinstance(source, TellsChanges):
        _check_changes(source, items)


def check_acls(acls: Sequence[AclSpec]) -> None:
    """Check the ACLs of a source: names, principals, parents first.

    Raises:
        ContractError: they do not keep to the contract.
    """
    known: set[str] = set()
    for spec in acls:
        where = f"acls: {spec.name!r}"
        _expect(spec.name not in known, f"{where} is stated twice")
        _expect(
            spec.parent is None or spec.parent in known,
            f"{where} comes before its parent {spec.parent!r}, or that is missing",
        )
        known.add(spec.name)
        try:
            check_name(spec.name, field="name")
            for entry in spec.entries:
                parse_principal(entry.principal)
        except AclError as error:
            raise ContractError(f"{where}: {error}") from error
        for entry in spec.entries:
            expires = entry.expires_at
            _expect(
                expires is None or expires.tzinfo is not None, f"{where}: expires_at has no zone"
            )


def check_entries(
    entries: Iterable[SourceItem | SourceFailure | Removal], acls: Sequence[AclSpec]
) -> None:
    """Check what a source lists, each entry by itself and against its ACLs.

    Raises:
        ContractError: it does not keep to the contract.
    """
    names = {spec.name for spec in acls}
    seen: set[str] = set()
    for entry in entries:
        where = f"list_items: {entry.external_id!r}"
        _expect(_is_storable(entry.external_id), f"{where}: empty, or with control characters")
        if isinstance(entry, SourceFailure):
            _expect(bool(entry.code and entry.message), f"{where}: a failure says why, and a code")
            continue
        normal = unicodedata.is_normalized("NFC", entry.external_id)
        _expect(normal, f"{where}: the name is not in Unicode NFC")
        _expect(not entry.external_id.endswith("/"), f"{where}: the slash stands for a folder")
        if isinstance(entry, Removal):
            continue
        _expect(entry.external_id not in seen, f"{where} is listed twice")
        seen.add(entry.external_id)
        _expect(entry.acl is None or entry.acl in names, f"{where}: acls() states no {entry.acl!r}")
        _expect(bool(entry.uri), f"{where}: has no uri")
        _expect(entry.size >= 0, f"{where}: has a negative size")
        modified = entry.modified_at
        _expect(modified is None or modified.tzinfo is not None, f"{where}: modified_at: no zone")


def _check_name(source: Source) -> None:
    _expect(isinstance(source, Source), "the source lacks name, acls, list_items or fetch")
    try:
        checked_name(source.name)
    except SourceError as error:
        raise ContractError(str(error)) from error


def _check_repeatable(
    make_source: Callable[[], Source], listed: list[SourceItem | SourceFailure]
) -> None:
    """Two listings are one, also after one that was broken off."""
    source = make_source()
    source.acls()
    next(source.list_items(), None)
    _expect(_listed(source) == listed, "list_items: a second listing differs from the first")
    other = make_source()
    other.acls()
    _expect(_listed(other) == listed, "list_items: a second source lists other things")


def _check_fetching(make_source: Callable[[], Source], items: list[SourceItem]) -> None:
    contents = {}
    source = make_source()
    for item in items:
        contents[item.external_id] = content = _fetched(source, item)
        _expect(
            item.size in {0, len(content)},
            f"fetch: {item.external_id!r} has {len(content)} bytes and was listed with {item.size}",
        )
    again = make_source()
    for item in reversed(items):
        # As a resumed run has it: in any order, and made anew from its fields.
        rebuilt = SourceItem(**{part.name: getattr(item, part.name) for part in fields(SourceItem)})
        same = _fetched(again, rebuilt) == contents[item.external_id]
        _expect(same, f"fetch: {item.external_id!r} differs at a second time")
    for unknown in (
        replace(items[0], external_id=NOWHERE),
        replace(items[0], external_id=NOWHERE, place=None),
        replace(items[0], external_id=NOWHERE, place=NOWHERE),
    ):
        try:
            source.fetch(unknown)
        except SourceError:
            continue
        raise ContractError("fetch: gives something for an item that was never listed")


def _check_changes(source: TellsChanges, items: list[SourceItem]) -> None:
    everything = source.changes(None)
    _expect(everything.complete, "changes: without a cursor it must be complete")
    told = {entry.external_id for entry in everything.items if isinstance(entry, SourceItem)}
    listed = {item.external_id for item in items}
    _expect(told == listed, "changes: without a cursor it must tell what list_items lists")
    later = source.changes(everything.cursor)
    news = {entry.external_id for entry in later.items if isinstance(entry, SourceItem)}
    _expect(news <= listed, "changes: told of a document that is not listed")
    try:
        source.changes(NOWHERE)
    except SourceError:
        return
    raise ContractError("changes: takes a cursor that it never gave")


def _listed(source: Source) -> list[SourceItem | SourceFailure]:
    listing = source.list_items()
    _expect(iter(listing) is listing, "list_items: must be lazy; yield the items")
    return list(listing)


def _fetched(source: Source, item: SourceItem) -> bytes:
    try:
        content = source.fetch(item)
    except SourceError as error:
        raise ContractError(
            f"fetch: {item.external_id!r} was listed and cannot be fetched ({error})"
        ) from error
    _expect(isinstance(content, bytes), f"fetch: {item.external_id!r} is not bytes")
    return content


def _is_storable(name: str) -> bool:
    return bool(name) and not any(unicodedata.category(char) in {"Cc", "Cs"} for char in name)


def _expect(holds: bool, message: str) -> None:
    if not holds:
        raise ContractError(message)
