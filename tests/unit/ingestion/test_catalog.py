"""What the query path reads: live chunks of the scope, each with every place it stands in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingestion.catalog import (
    beside,
    fetch,
    in_flight,
    source_states,
    visible_documents,
)
from tests.support.content import active, points
from tests.support.installation import TENANT, Installation, caller
from tests.support.interrupted import Died
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from acl.scope import AccessScope
    from ingestion.catalog import StoredChunk
    from tests.support.interrupted import InterruptedHost

SPECS = (acl("staff", allow("user:ann")), acl("board", allow("user:bob")))
SECTION = "# {title}\n\n{title} is ruled by the branch."
LONG = "\n\n".join(SECTION.format(title=title) for title in ("Travel", "Loans", "Vault"))
SHELF = {
    "long.md": Shelved(LONG, "staff"),
    "copy.md": Shelved(SECTION.format(title="Loans"), "staff"),
    "secret.md": Shelved(SECTION.format(title="Loans"), "board"),
}


@pytest.fixture
def told(world: Installation) -> Installation:
    world.ingest(ListedSource("wiki", SPECS, SHELF))
    world.ingest(ListedSource("mirror", SPECS, {"loans.md": SHELF["copy.md"]}))
    return world


def scope(world: Installation, who: str) -> AccessScope:
    with world.runtime.database.read(TENANT) as session:
        return world.runtime.resolver.resolve(session, caller(who), now=world.clock()).scope


def fetched(
    world: Installation, host: InterruptedHost, who: str, sources: tuple[str, ...] | None = None
) -> dict[str, StoredChunk]:
    """All that ``who`` gets when asking for every point there is, by first line."""
    generation = active(world)
    with world.runtime.database.read(TENANT) as session:
        found = fetch(
            session,
            scope(world, who),
            generation,
            [*points(host.memory, generation), "no such id"],
            fingerprint=world.runtime.embedder.fingerprint,
            sources=sources,
        )
    return {chunk.text.splitlines()[0]: chunk for chunk in found.values()}


def test_only_chunks_of_the_scope_are_fetched_whatever_is_asked_for(
    told: Installation, host: InterruptedHost
) -> None:
    ann, bob = fetched(told, host, "user:ann"), fetched(told, host, "user:bob")
    assert ann.keys() == {"# Travel", "# Loans", "# Vault"}
    assert bob.keys() == {"# Loans"}
    assert ann["# Loans"].id != bob["# Loans"].id
    assert fetched(told, host, "user:nobody") == {}


def test_a_chunk_comes_with_every_visible_place_and_its_vector(
    told: Installation, host: InterruptedHost
) -> None:
    loans = fetched(told, host, "user:ann")["# Loans"]
    stands = {(place.source, place.uri.rpartition("/")[2]) for place in loans.places}
    assert stands == {("wiki", "long.md"), ("wiki", "copy.md"), ("mirror", "loans.md")}
    assert loans.vector is not None
    (secret,) = fetched(told, host, "user:bob")["# Loans"].places
    assert secret.uri.endswith("secret.md")


def test_only_places_in_the_sources_asked_for_count(
    told: Installation, host: InterruptedHost
) -> None:
    mirrored = fetched(told, host, "user:ann", ("mirror",))
    assert mirrored.keys() == {"# Loans"}
    assert [place.source for place in mirrored["# Loans"].places] == ["mirror"]
    assert fetched(told, host, "user:ann", ()) == {}


def test_neighbours_are_those_of_the_document_in_order_and_never_the_chunk_itself(
    told: Installation, host: InterruptedHost
) -> None:
    loans = fetched(told, host, "user:ann")["# Loans"]
    (middle,) = (place for place in loans.places if place.uri.endswith("long.md"))
    with told.runtime.database.read(TENANT) as session:
        ann, bob = (scope(told, who) for who in ("user:ann", "user:bob"))
        near = beside(session, ann, active(told), middle, reach=1)
        assert [(at, chunk.text.splitlines()[0]) for at, chunk in near] == [
            (middle.ordinal - 1, "# Travel"),
            (middle.ordinal + 1, "# Vault"),
        ]
        assert beside(session, bob, active(told), middle, reach=1) == []


def test_what_is_in_flight_is_told_to_whom_it_will_be_visible(
    told: Installation, host: InterruptedHost
) -> None:
    def flying(who: str) -> int:
        with told.runtime.database.read(TENANT) as session:
            return len(in_flight(session, scope(told, who), active(told)))

    assert flying("user:ann") == 0
    host.die_at("after upsert")
    with pytest.raises(Died):
        told.ingest(
            ListedSource("wiki", SPECS, SHELF | {"new.md": Shelved("A new rule.", "board")})
        )
    host.on_write = lambda _moment: None
    assert (flying("user:ann"), flying("user:bob")) == (0, 1)
    assert "A new rule." not in fetched(told, host, "user:bob")


def test_documents_are_counted_for_the_scope_and_deleted_ones_are_not(told: Installation) -> None:
    def counted(who: str) -> dict[str, int]:
        with told.runtime.database.read(TENANT) as session:
            return visible_documents(session, scope(told, who))

    assert counted("user:ann") == {"wiki": 2, "mirror": 1}
    assert counted("user:bob") == {"wiki": 1}
    told.ingest(ListedSource("mirror", SPECS, {}))
    assert counted("user:ann") == {"wiki": 2}


def test_states_are_those_of_the_sources_named(told: Installation) -> None:
    with told.runtime.database.read(TENANT) as session:
        states = source_states(session, TENANT, ["wiki", "unknown"])
    assert states.keys() == {"wiki"}
    assert (states["wiki"].last_error, states["wiki"].last_success_at) == (None, told.clock())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE document SET deleted_at = 1",
        "UPDATE chunk SET state = 'deleting'",
        "UPDATE chunk SET state = 'pending'",
        "UPDATE document SET version = version + 1",
    ],
)
def test_each_mark_of_what_must_not_be_served_suffices_alone(
    told: Installation, host: InterruptedHost, statement: str
) -> None:
    assert fetched(told, host, "user:ann")
    with told.runtime.database.unguarded("a test marks rows", writable=True) as session:
        session.connection().exec_driver_sql(statement)
    assert fetched(told, host, "user:ann") == {}
