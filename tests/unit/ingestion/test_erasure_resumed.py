"""An erasure that died, wherever it did, is finished and certified: nothing goes without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from acl import signing
from acl.errors import SigningKeyError
from ingestion.erasure.plan import By
from ingestion.errors import ErasureError
from ingestion.models import DocumentRow
from ingestion.records import BegunErasureRow, ErasureRow
from tests.support.content import assert_consistent
from tests.support.installation import TENANT, Installation, caller
from tests.support.interrupted import Died
from tests.support.source import ListedSource
from tests.unit.ingestion.erasing import SHELF, SPECS, carried_out, erased, planned, unfinished

if TYPE_CHECKING:
    from ingestion.erasure.certificate import Certificate
    from tests.support.interrupted import InterruptedHost

TERM = "Quixwood"


@pytest.fixture
def told(world: Installation) -> Installation:
    world.know("user:ann", "user:bob")
    world.ingest(ListedSource("wiki", SPECS, SHELF))
    return world


def kept(world: Installation) -> tuple[list[str], list[str]]:
    """Ids of the certificates, and of the erasures that have none."""
    with world.runtime.database.read(TENANT) as session:
        return (
            list(session.scalars(select(ErasureRow.id))),
            list(session.scalars(select(BegunErasureRow.id))),
        )


def documents(world: Installation) -> set[str]:
    with world.runtime.database.read(TENANT) as session:
        return set(session.scalars(select(DocumentRow.external_id)))


def certified(world: Installation, certificate: Certificate) -> list[str]:
    claims = signing.verify(certificate.statement, world.runtime.signer.jwks(), typ="test")
    assert isinstance(claims["documents"], list)
    return claims["documents"]


@pytest.mark.parametrize("moment", ["before delete", "after delete"])
@pytest.mark.parametrize("by_name", [True, False], ids=["asked again", "resumed"])
def test_one_that_died_while_withdrawing_is_finished_and_certified(
    told: Installation, host: InterruptedHost, moment: str, *, by_name: bool
) -> None:
    plan = planned(told, By.TERM, TERM)
    (document,) = plan.documents
    host.die_at(moment)
    with pytest.raises(Died):
        carried_out(told, plan)
    host.on_write = lambda _: None
    assert kept(told) == ([], [plan.begun.id])
    again = planned(told, By.TERM, TERM) if by_name else unfinished(told)[0]
    certificate = carried_out(told, again)
    assert certificate.clean
    assert certificate.id == plan.begun.id
    assert certified(told, certificate) == [document.id]
    assert kept(told) == ([certificate.id], [])
    assert documents(told) == set(SHELF) - {"zeb.md"}
    assert TERM not in "".join(told.texts(caller(), "loan granted to Quixwood"))
    assert_consistent(told, host.memory)


@pytest.mark.parametrize("by_name", [True, False], ids=["asked again", "resumed"])
def test_what_was_erased_and_not_signed_for_is_certified_afterwards(
    told: Installation, *, by_name: bool
) -> None:
    plan = planned(told, By.TERM, TERM)
    (document,) = plan.documents
    with pytest.raises(SigningKeyError):
        carried_out(told, plan, signs=False)
    assert documents(told) == set(SHELF) - {"zeb.md"}
    again = planned(told, By.TERM, TERM) if by_name else unfinished(told)[0]
    assert (again.resumed, again.documents) == (True, ())
    certificate = carried_out(told, again)
    assert (certificate.id, certificate.documents) == (plan.begun.id, 1)
    assert certified(told, certificate) == [document.id]
    assert [one.sought for one in certificate.probes if one.kind == "id"] == [1]
    assert any("interrupted" in line for line in certificate.left_out)
    assert kept(told) == ([certificate.id], [])
    assert unfinished(told) == []


def test_one_certificate_tells_of_what_came_since_too(told: Installation) -> None:
    with pytest.raises(SigningKeyError):
        carried_out(told, planned(told, By.TERM, TERM), signs=False)
    told.ingest(ListedSource("wiki", SPECS, SHELF | {"also.md": SHELF["zeb.md"]}))
    certificate = erased(told, By.TERM, TERM)
    assert certificate.documents == 2  # the one that came back, under the id it had, and the new
    assert kept(told) == ([certificate.id], [])
    assert documents(told) == set(SHELF) - {"zeb.md"}


def test_a_note_of_what_is_erased_names_nothing(told: Installation) -> None:
    with pytest.raises(SigningKeyError):
        carried_out(told, planned(told, By.TERM, TERM), signs=False)
    with told.runtime.database.read(TENANT) as session:
        row = session.scalars(select(BegunErasureRow)).one()
        noted = f"{row.subject} {row.scope}"
    assert not any(word in noted for word in (TERM, TERM.casefold(), "zeb", "12345"))


def test_two_that_finish_the_same_one_make_one_certificate(told: Installation) -> None:
    with pytest.raises(SigningKeyError):
        carried_out(told, planned(told, By.TERM, TERM), signs=False)
    first, second = planned(told, By.TERM, TERM), planned(told, By.TERM, TERM)
    carried_out(told, first)
    with pytest.raises(ErasureError, match="another process"):
        carried_out(told, second)
    assert len(kept(told)[0]) == 1
