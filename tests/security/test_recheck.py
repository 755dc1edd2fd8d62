"""Two locks on one door: the predicate of the catalogue and the recheck of every row.

Either alone must hold, so each is tested with the other one open: the predicate by asking the
catalogue directly, the recheck under a scope whose compiled form admits everything.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from acl.errors import NotFoundError
from acl.resolver import Resolved, Resolver
from ingestion.catalog import beside, fetch, visible_documents
from ingestion.index.facets import Facets
from ingestion.index.lexical import encode_document
from ingestion.index.port import Hit, Point, SearchResult
from ingestion.models import ChunkRow, ChunkState, DocumentRow
from retrieval.lookup import get_evidence
from retrieval.pipeline import recheck
from retrieval.verify import VerifyRequest, verify_claims
from tests.support.clock import NOON
from tests.support.installation import SECRET, TENANT, caller
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from acl.caller import Caller
    from acl.scope import AccessScope
    from ingestion.catalog import StoredChunk
    from ingestion.index.port import SearchRequest
    from tests.support.index import WatchedHost
    from tests.support.installation import Installation

ANN = caller("user:ann")
OPEN = "The travel allowance abroad is 55 euros a day."
SECRET_TEXT = "The secret travel allowance of the board abroad is 900 euros a day."
FOREIGN = "The travel allowance abroad of the rival is 77 euros a day."
SPECS = (acl("open", allow("user:ann")), acl("board", allow("user:bob")))


@pytest.fixture
def filled(world: Installation) -> Installation:
    """A visible document, a hidden one, and one of another tenant where Ann's namesake is."""
    shelf = {"open.txt": Shelved(OPEN, "open"), "board.txt": Shelved(SECRET_TEXT, "board")}
    world.know("user:ann")
    world.ingest(ListedSource("wiki", SPECS, shelf))
    world.know("user:ann", tenant="rival")
    rival = ListedSource("wiki", SPECS, {"open.txt": Shelved(FOREIGN, "open")})
    world.ingest(rival, tenant="rival")
    return world


def chunk_of(world: Installation, text: str) -> str:
    """The id of the chunk with this text, whoever may see it."""
    with world.runtime.database.unguarded("the test knows what is hidden") as session:
        return session.scalars(select(ChunkRow.id).where(ChunkRow.text == text)).one()


def all_chunks(world: Installation) -> list[str]:
    """Ids of all three chunks."""
    return [chunk_of(world, text) for text in (OPEN, SECRET_TEXT, FOREIGN)]


def scope_of(world: Installation, who: Caller = ANN) -> AccessScope:
    """The caller's true scope."""
    with world.runtime.database.read(who.tenant) as session:
        return world.runtime.resolver.resolve(session, who, now=NOON).scope


def fetched(world: Installation, scope: AccessScope, ids: list[str]) -> dict[str, StoredChunk]:
    """What the catalogue gives for ids under a scope."""
    with world.runtime.database.read(TENANT) as session:
        return fetch(session, scope, "g1", ids, fingerprint="")


# An index that lies


def test_an_index_that_lies_leaks_nothing(filled: Installation, host: WatchedHost) -> None:
    hits = tuple(Hit(ident, 1.0) for ident in all_chunks(filled))

    def lie(_: AccessScope, __: SearchRequest, ___: SearchResult) -> SearchResult:
        return SearchResult(hits, hits, exact=True)

    host.on_search = lie
    answer = filled.ask(ANN)
    assert [piece.text for piece in answer.evidence] == [OPEN]
    told = answer.model_dump_json()
    for hidden in (SECRET_TEXT, FOREIGN, "board", "rival", *all_chunks(filled)[1:]):
        assert hidden not in told


def test_an_index_that_invents_ids_is_passed_over(filled: Installation, host: WatchedHost) -> None:
    hits = (Hit("00000000-0000-0000-0000-000000000000", 9.0), Hit("' OR 1=1 --", 8.0))
    host.on_search = lambda _, __, ___: SearchResult(hits, hits, exact=True)
    assert filled.texts(ANN) == []


# The predicate alone


def test_the_catalogue_gives_visible_chunks_only(filled: Installation) -> None:
    found = fetched(filled, scope_of(filled), all_chunks(filled))
    assert [chunk.text for chunk in found.values()] == [OPEN]


def test_the_catalogue_counts_visible_documents_only(filled: Installation) -> None:
    with filled.runtime.database.read(TENANT) as session:
        assert visible_documents(session, scope_of(filled)) == {"wiki": 1}


def test_a_tombstone_alone_keeps_a_document_from_being_served(filled: Installation) -> None:
    with filled.runtime.database.write(TENANT) as session:
        session.execute(update(DocumentRow).values(deleted_at=NOON))
    assert fetched(filled, scope_of(filled), all_chunks(filled)) == {}
    with filled.runtime.database.read(TENANT) as session:
        assert visible_documents(session, scope_of(filled)) == {}
    assert filled.texts(ANN) == []


@pytest.mark.parametrize("state", [ChunkState.PENDING, ChunkState.DELETING])
def test_a_chunk_in_flight_is_not_served_by_any_road(
    filled: Installation, state: ChunkState
) -> None:
    chunk = chunk_of(filled, OPEN)
    with filled.runtime.database.write(TENANT) as session:
        session.execute(update(ChunkRow).values(state=state.value))
    assert fetched(filled, scope_of(filled), [chunk]) == {}
    assert filled.texts(ANN) == []
    with pytest.raises(NotFoundError):
        get_evidence(filled.runtime, ANN, chunk, request_id="r")


def test_a_document_and_a_chunk_that_disagree_on_their_acl_are_not_served(
    filled: Installation,
) -> None:
    with filled.runtime.database.write(TENANT) as session:
        board = session.scalars(
            select(DocumentRow.acl_id).where(DocumentRow.external_id == "board.txt")
        ).one()
        session.execute(
            update(DocumentRow).where(DocumentRow.external_id == "open.txt").values(acl_id=board)
        )
    assert filled.texts(ANN) == []


def test_neighbours_are_looked_up_under_the_scope(filled: Installation) -> None:
    parts = "# One\n\nThe first travel rule.\n\n# Two\n\nThe second travel rule."
    shelf = {"open.md": Shelved(parts, "open"), "board.md": Shelved(parts, "board")}
    filled.ingest(ListedSource("handbook", SPECS, shelf))
    bob = caller("user:bob")
    with filled.runtime.database.read(TENANT) as session:
        theirs = filled.runtime.resolver.resolve(session, bob, now=NOON).scope
        hidden = [
            place
            for chunk in fetch(session, theirs, "g1", _ids(session), fingerprint="").values()
            for place in chunk.places
            if place.source == "handbook"
        ]
        assert len(hidden) == 2
        for place in hidden:
            assert len(beside(session, theirs, "g1", place, reach=2)) == 1
            assert beside(session, scope_of(filled), "g1", place, reach=2) == []


def _ids(session: Session) -> list[str]:
    return list(session.scalars(select(ChunkRow.id)))


# The recheck alone


class GapingResolver(Resolver):
    """Resolves truly, but compiles the scope into a predicate that admits every ACL there is."""

    def resolve(self, session: Session, caller: Caller, *, now: datetime) -> Resolved:
        """The true decision in a scope whose sorted ids, the compiled form, are wide open."""
        resolved = super().resolve(session, caller, now=now)
        scope = replace(resolved.scope)
        every = tuple(sorted(session.scalars(select(DocumentRow.acl_id).distinct())))
        object.__setattr__(scope, "sorted_ids", every)
        return replace(resolved, scope=scope)


def test_the_recheck_holds_where_the_predicate_admits_everything(filled: Installation) -> None:
    filled.runtime.resolver = GapingResolver(SECRET)
    assert len(fetched(filled, scope_of(filled), all_chunks(filled))) == 2  # the predicate is open
    assert filled.texts(ANN) == [OPEN]
    with pytest.raises(NotFoundError):
        get_evidence(filled.runtime, ANN, chunk_of(filled, SECRET_TEXT), request_id="r")
    assert get_evidence(filled.runtime, ANN, chunk_of(filled, OPEN), request_id="r")


def test_the_recheck_holds_for_citations_where_the_predicate_admits_everything(
    filled: Installation,
) -> None:
    filled.runtime.resolver = GapingResolver(SECRET)
    texts = (OPEN, SECRET_TEXT)
    cited = [{"chunk_id": chunk_of(filled, text), "quote": text} for text in texts]
    body = {"claims": [{"text": SECRET_TEXT, "citations": cited}]}
    request = VerifyRequest.model_validate(body)
    [claim] = verify_claims(filled.runtime, ANN, request, request_id="r").claims
    assert [one.result for one in claim.citations] == ["quoted", "not_found"]
    assert claim.verdict != "supported"


def test_the_recheck_refuses_hidden_acls_and_other_tenants(filled: Installation) -> None:
    scope = scope_of(filled)
    (chunk,) = fetched(filled, scope, all_chunks(filled)).values()
    assert recheck(scope, chunk)
    assert not recheck(scope, replace(chunk, acl_id="another"))
    assert not recheck(scope, replace(chunk, tenant="rival"))


# Half-written


def test_a_chunk_half_written_changes_no_byte_of_an_answer(filled: Installation) -> None:
    """Its writer died, or is not done: it is in the index and pending in the catalogue."""
    before = filled.ask(ANN, include=["scores"]).model_dump_json()
    context = filled.runtime.ingest_context()
    ident = "11111111-2222-4333-8444-555555555555"
    with filled.runtime.database.write(TENANT) as session:
        live = session.get_one(ChunkRow, (TENANT, "g1", chunk_of(filled, OPEN)))
        values = {column.key: getattr(live, column.key) for column in ChunkRow.__table__.columns}
        session.add(ChunkRow(**{**values, "id": ident, "state": ChunkState.PENDING.value}))
    text = "allowance abroad"
    point = Point(
        id=ident,
        tenant=TENANT,
        acl=values["acl_id"],
        places=(Facets("wiki", "a document", "text/plain"),),
        dense=context.embedder.embed_query(text),
        sparse=encode_document(text),
    )
    context.index("g1").upsert([point])
    assert filled.ask(ANN, include=["scores"]).model_dump_json() == before
