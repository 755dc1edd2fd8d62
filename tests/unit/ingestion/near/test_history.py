"""Removing one copy never affects another: whatever happened, what is left has its pairs.

Histories are drawn over two sources: documents come, change, move to another ACL and go; runs and
settlings happen at any time and die at any write. In the end the pairs are those of a catalogue
that never held anything but what is live now.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from ingestion.models import ChunkRow, OccurrenceRow
from ingestion.near import record, stored
from ingestion.near.record import settle
from ingestion.records import NearPairRow, SignatureRow
from tests.support.installation import TENANT, Installation
from tests.support.interrupted import Died
from tests.support.planted import families, strangers
from tests.support.source import ListedSource, Shelved, acl, allow
from verifier.conflicts import RELATED, compare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.catalogue import SqliteBlank

SPECS = (acl("staff", allow("group:staff")), acl("board", allow("group:board")))
FAMILIES = families(2, seed=6)
TEXTS = [*FAMILIES[0].texts[:5], *FAMILIES[1].texts[:3], *strangers(2, seed=6)]
PLACES = [(source, name) for source in ("wiki", "policies") for name in ("a.txt", "b.txt", "c.txt")]

documents = st.builds(Shelved, st.sampled_from(TEXTS), st.sampled_from(["staff", "board"]))
edits = st.dictionaries(st.sampled_from(PLACES), st.none() | documents, min_size=1, max_size=4)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("edit"), edits),
        st.tuples(st.just("settle"), st.none() | st.integers(0, 3)),
    ),
    min_size=1,
    max_size=6,
)


@pytest.fixture(autouse=True, scope="module")
def _small_batches() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record, "BATCH", 3)
        patch.setattr(record, "WRITE", 1)
        patch.setattr(stored, "BLOCK", 2)
        yield


@pytest.fixture(scope="session")
def blank_catalogue(sqlite_catalogue: SqliteBlank) -> SqliteBlank:
    """Many worlds are opened here; the statements have their test on both engines."""
    return sqlite_catalogue


@given(steps)
def test_pairs_are_those_of_what_is_live_now(
    blank_catalogue: SqliteBlank, history: list[tuple[str, Any]]
) -> None:
    shelves: dict[str, dict[str, Shelved]] = {"wiki": {}, "policies": {}}
    with (
        tempfile.TemporaryDirectory() as directory,
        Installation.open(blank_catalogue, Path(directory) / "data") as world,
    ):
        for kind, what in [*history, ("settle", None)]:
            if kind == "edit":
                for (source, name), document in what.items():
                    shelves[source].pop(name, None)
                    if document is not None:
                        shelves[source][name] = document
                for source, shelf in shelves.items():
                    world.ingest(ListedSource(source, SPECS, shelf))
            else:
                _settle(world, writes=what)
        live = [document for shelf in shelves.values() for document in shelf.values()]
        texts = {document.text for document in live}
        assert _kept(world) == (_expected(texts), texts)
        assert _occurrences(world) == len(live)


def _settle(world: Installation, *, writes: int | None) -> None:
    """Settle; if told so, die before that write."""
    with pytest.MonkeyPatch.context() as patch:
        if writes is not None:
            left = iter(range(writes))
            store = stored.store

            def storing(*arguments: Any) -> None:
                if next(left, None) is None:
                    raise Died
                store(*arguments)

            patch.setattr(stored, "store", storing)
        try:
            settle(world.runtime.ingest_context(), TENANT)
        except Died:
            assert writes is not None


def _expected(texts: set[str]) -> dict[frozenset[str], set[str]]:
    """Every pair that nearly agrees, by comparing each with each."""
    found = {}
    for one in texts:
        for other in texts:
            comparison = compare(one, other)
            if one < other and comparison.similarity >= RELATED:
                found[frozenset((one, other))] = {
                    str(difference.kind) for difference in comparison.differences
                }
    return found


def _kept(world: Installation) -> tuple[dict[frozenset[str], set[str]], set[str]]:
    with world.runtime.database.read(TENANT) as session:
        chunks = session.execute(select(ChunkRow.embedded_sha, ChunkRow.text))
        texts = {sha: text for sha, text in chunks}  # noqa: C416 - rows are no pairs
        pairs = {
            frozenset((texts[row.first], texts[row.second])): {
                found["kind"] for found in json.loads(row.differences)
            }
            for row in session.scalars(select(NearPairRow))
        }
        return pairs, {texts[sha] for sha in session.scalars(select(SignatureRow.sha))}


def _occurrences(world: Installation) -> int:
    with world.runtime.database.read(TENANT) as session:
        return session.scalar(select(func.count()).select_from(OccurrenceRow)) or 0
