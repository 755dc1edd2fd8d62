"""Erasure: nothing is left of what is erased, everything of what is not, and it is certified."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, insert, select

from acl import signing
from acl.audit.events import EventKind
from acl.audit.models import AuditRow
from ingestion.erasure.plan import By, Plan
from ingestion.erasure.probes import Kind, by_id, by_text
from ingestion.erasure.traces import traces_of
from ingestion.errors import ErasureError
from ingestion.generations import build
from ingestion.models import DocumentRow, EmbeddingRow, VersionRow
from ingestion.records import ErasureRow, NearPairRow, SignatureRow
from tests.support.content import assert_consistent
from tests.support.installation import TENANT, Installation, caller
from tests.support.source import ListedSource, Shelved
from tests.unit.ingestion.erasing import (
    SECRET_TEXT,
    SHARED,
    SHELF,
    SPECS,
    comments_of,
    erased,
    planned,
)

if TYPE_CHECKING:
    from tests.support.interrupted import InterruptedHost


@pytest.fixture
def told(world: Installation) -> Installation:
    world.know("user:ann")
    world.ingest(ListedSource("wiki", SPECS, SHELF))
    return world


def names(plan: Plan) -> set[str]:
    return {document.external_id for document in plan.documents}


def count(world: Installation, model: Any) -> int:
    with world.runtime.database.read(TENANT) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


# What would be erased


@pytest.mark.parametrize(
    ("by", "name", "found"),
    [
        (By.DOCUMENT, "zeb.md", {"zeb.md"}),
        (By.SOURCE, "wiki", set(SHELF)),
        (By.TERM, "zebediah QUIXWOOD", {"zeb.md"}),
        (By.TERM, "nobody signs twice", {"rules.md", "copy.md"}),
        (By.TERM, "travel", {"travel.md"}),
    ],
)
def test_a_plan_names_what_would_be_erased_and_erases_nothing(
    told: Installation, by: By, name: str, found: set[str]
) -> None:
    assert names(planned(told, by, name)) == found
    assert count(told, DocumentRow) == len(SHELF)


def test_a_term_is_found_in_versions_that_are_no_longer_served(told: Installation) -> None:
    shelf = SHELF | {"zeb.md": Shelved("# Case\n\nClosed.", "staff")}
    told.ingest(ListedSource("wiki", SPECS, shelf))
    assert names(planned(told, By.TERM, "Quixwood")) == {"zeb.md"}


def test_a_document_that_was_deleted_is_found_and_erased(told: Installation) -> None:
    rest = {name: shelved for name, shelved in SHELF.items() if name != "zeb.md"}
    told.ingest(ListedSource("wiki", SPECS, rest))
    plan = planned(told, By.TERM, "Quixwood")
    assert [document.deleted for document in plan.documents] == [True]
    assert erased(told, By.TERM, "Quixwood").clean
    assert count(told, DocumentRow) == 3


@pytest.mark.parametrize("name", ["", "  ", "ab"])
def test_a_term_that_stands_everywhere_is_refused(told: Installation, name: str) -> None:
    with pytest.raises(ErasureError, match="at least"):
        planned(told, By.TERM, name)


@pytest.mark.parametrize("by", list(By))
def test_what_is_not_there_is_said(told: Installation, by: By) -> None:
    with pytest.raises(ErasureError) as caught:
        planned(told, by, "nowhere to be found")
    assert caught.value.code == "nothing_to_erase"


# Erasing


def test_nothing_is_left_of_what_is_erased(told: Installation, host: InterruptedHost) -> None:
    build(told.runtime.ingest_context())
    assert SECRET_TEXT in "".join(told.texts(caller(), "loan granted to Quixwood"))
    certificate = erased(told, By.TERM, "Quixwood")
    assert certificate.clean
    assert SECRET_TEXT not in "".join(told.texts(caller(), "loan granted to Quixwood"))
    assert (count(told, DocumentRow), count(told, VersionRow)) == (3, 3)
    assert count(told, EmbeddingRow) == 2
    sought = {one.kind: one.sought for one in certificate.probes}
    assert sought[Kind.ID] == sought[Kind.VECTOR] == 2  # in both generations
    for generation in ("g1", "g2"):
        assert_consistent(told, host.memory, generation=generation)


def test_a_copy_that_stays_keeps_its_text_and_its_vector(
    told: Installation, host: InterruptedHost
) -> None:
    certificate = erased(told, By.DOCUMENT, "copy.md")
    assert certificate.clean
    assert [one.sought for one in certificate.probes if one.kind is Kind.ID] == [0]
    assert SHARED in "".join(told.texts(caller(), "signatures of a loan"))
    assert count(told, EmbeddingRow) == 3
    assert_consistent(told, host.memory)


def test_vectors_of_former_versions_go_too(told: Installation) -> None:
    shelf = SHELF | {"zeb.md": Shelved("# Case\n\nClosed.", "staff")}
    told.ingest(ListedSource("wiki", SPECS, shelf))
    assert count(told, EmbeddingRow) == 4
    assert erased(told, By.TERM, "Quixwood").clean
    assert count(told, EmbeddingRow) == 2


def test_signatures_and_pairs_of_what_stands_nowhere_go_too(told: Installation) -> None:
    with told.runtime.database.write(TENANT) as session:
        shas = sorted(session.scalars(select(EmbeddingRow.sha)))
        signed = [
            {"tenant": TENANT, "sha": sha, "signature": b"s", "crowded": False}
            for sha in shas
            if session.get(SignatureRow, (TENANT, sha)) is None
        ]
        if signed:
            session.execute(insert(SignatureRow), signed)
        for first, second in pairwise(shas):
            if session.get(NearPairRow, (TENANT, first, second)) is None:
                session.add(
                    NearPairRow(
                        tenant=TENANT, first=first, second=second, similarity=0.9, differences="[]"
                    )
                )
    erased(told, By.SOURCE, "wiki")
    assert (count(told, SignatureRow), count(told, NearPairRow)) == (0, 0)


def test_the_certificate_holds_its_signature_and_names_nothing(told: Installation) -> None:
    certificate = erased(told, By.TERM, "Quixwood")
    claims = signing.verify(certificate.statement, told.runtime.signer.jwks(), typ="test")
    assert claims["jti"] == certificate.id
    assert len(claims["documents"]) == 1
    assert claims["not_covered"]
    said = json.dumps(claims)
    assert "Quixwood" not in said
    assert "zeb.md" not in said
    with told.runtime.database.read(TENANT) as session:
        stored = session.get_one(ErasureRow, (TENANT, certificate.id))
        audited = session.scalar(select(AuditRow.body).where(AuditRow.kind == EventKind.ERASURE))
    assert stored.certificate == certificate.statement
    body = json.loads(audited or "{}")
    assert (body["erasure"], body["documents"], body["clean"]) == (certificate.id, 1, True)
    assert "Quixwood" not in (audited or "")


def test_a_sentence_that_stands_under_another_heading_too_is_no_find(told: Installation) -> None:
    shelf = SHELF | {"other.md": Shelved(f"# Elsewhere\n\n{SHARED}", "staff")}
    told.ingest(ListedSource("wiki", SPECS, shelf))
    assert erased(told, By.DOCUMENT, "other.md").clean


# Probes that find something


def test_the_probes_find_what_was_not_erased(told: Installation) -> None:
    context = told.runtime.ingest_context()
    plan = planned(told, By.TERM, "Quixwood")
    with told.runtime.database.read(TENANT) as session:
        traces = traces_of(session, TENANT, [document.id for document in plan.documents])
    assert by_id(context, traces).found == 1
    if told.runtime.database.url.startswith("sqlite"):
        probe = by_text(context, traces, comments_of(told), said=False)
        assert probe.sought >= 2
        assert probe.found >= 1
