"""Comments go with what they are about, and by a term wherever they say it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url, select

from acl import signing
from ingestion.erasure.comments import Remark
from ingestion.erasure.plan import By
from ingestion.erasure.probes import Kind, by_comment
from ingestion.errors import ErasureError
from retrieval.feedback import FeedbackRequest, give_feedback
from retrieval.receipt_store import read
from retrieval.records import FeedbackRow
from tests.support.installation import TENANT, Installation, caller
from tests.support.source import ListedSource, Shelved
from tests.unit.ingestion.erasing import (
    SHARED,
    SHELF,
    SPECS,
    carried_out,
    comments_of,
    erased,
    planned,
)

ANN, BOB = caller("user:ann"), caller("user:bob")


@pytest.fixture
def told(world: Installation) -> Installation:
    world.know("user:ann", "user:bob")
    world.ingest(ListedSource("wiki", SPECS, SHELF))
    return world


def chunk(world: Installation, words: str) -> str:
    [found] = [one.chunk_id for one in world.ask(ANN, words).evidence if words in one.text]
    return found


def say(world: Installation, comment: str, *, chunk_id: str, useful: bool = False) -> None:
    request = FeedbackRequest(chunk_id=chunk_id, useful=useful, comment=comment)
    give_feedback(world.runtime, ANN, request, request_id="r")


def say_of_answer(world: Installation, comment: str, query: str, *, limit: int) -> None:
    receipt = read(world.ask(BOB, query, limit=limit).receipt, world.runtime.signer.jwks())
    request = FeedbackRequest(receipt_id=receipt.jti, useful=True, comment=comment)
    give_feedback(world.runtime, BOB, request, request_id="r")


def comments(world: Installation) -> dict[str, str | None]:
    """What is said of each thing."""
    with world.runtime.audit_database.read(TENANT) as session:
        rows = session.execute(select(FeedbackRow.target_id, FeedbackRow.comment))
        return {target: comment for target, comment in rows}  # noqa: C416 - rows are no pairs


def test_a_comment_on_a_piece_goes_with_its_document_and_the_verdict_stays(
    told: Installation,
) -> None:
    of_zeb, of_travel = chunk(told, "Quixwood"), chunk(told, "allowance abroad")
    say(told, "He still owes us all of it.", chunk_id=of_zeb)
    say(told, "Out of date, I fear.", chunk_id=of_travel)
    certificate = erased(told, By.DOCUMENT, "zeb.md")
    assert certificate.clean
    assert certificate.comments == 1
    assert comments(told) == {of_zeb: None, of_travel: "Out of date, I fear."}
    assert [one.sought for one in certificate.probes if one.kind is Kind.COMMENT] == [1]
    claims = signing.verify(certificate.statement, told.runtime.signer.jwks(), typ="test")
    assert claims["comments"] == 1


def test_a_comment_on_a_piece_that_also_stands_elsewhere_stays(told: Installation) -> None:
    shared = chunk(told, SHARED)
    say(told, "Clear enough for me.", chunk_id=shared)
    assert erased(told, By.DOCUMENT, "copy.md").comments == 0
    assert comments(told) == {shared: "Clear enough for me."}
    assert erased(told, By.DOCUMENT, "rules.md").comments == 1
    assert comments(told) == {shared: None}


def test_a_comment_on_an_answer_that_showed_it_goes(told: Installation) -> None:
    say_of_answer(told, "So he was granted it.", "loan granted to Quixwood in spring", limit=1)
    say_of_answer(told, "Good to know when I travel.", "allowance abroad euros a day", limit=1)
    assert erased(told, By.TERM, "Quixwood").comments == 1
    assert sorted(filter(None, comments(told).values())) == ["Good to know when I travel."]


def test_a_comment_on_a_former_version_that_was_shown_goes(told: Installation) -> None:
    former = chunk(told, "Quixwood")
    say(told, "He still owes us all of it.", chunk_id=former)
    shelf = SHELF | {"zeb.md": Shelved("# Case\n\nClosed.", "staff")}
    told.ingest(ListedSource("wiki", SPECS, shelf))
    assert erased(told, By.DOCUMENT, "zeb.md").comments == 1
    assert comments(told) == {former: None}


def test_by_a_term_comments_that_say_it_go_wherever_they_are(told: Installation) -> None:
    of_travel = chunk(told, "allowance abroad")
    say(told, "Ask Wilhelmina STRASSE, she booked mine.", chunk_id=of_travel)
    plan = planned(told, By.TERM, "wilhelmina stra\u00dfe")
    assert (plan.documents, len(plan.comments)) == ((), 1)
    certificate = carried_out(told, plan)
    assert (certificate.documents, certificate.comments, certificate.clean) == (0, 1, True)
    assert comments(told) == {of_travel: None}
    with pytest.raises(ErasureError):
        planned(told, By.TERM, "Wilhelmina")


def test_a_comment_that_stays_is_found_by_its_probe(told: Installation) -> None:
    of_zeb = chunk(told, "Quixwood")
    say(told, "He still owes us all of it.", chunk_id=of_zeb)
    (comment,) = planned(told, By.DOCUMENT, "zeb.md").comments
    nobody = Remark("chunk", of_zeb, "0" * 32)
    assert by_comment(TENANT, comments_of(told), {comment.remark, nobody}).found == 1


def test_no_byte_of_a_comment_is_left_in_its_file(told: Installation) -> None:
    words = "He still owes us every single euro of that."
    say(told, words, chunk_id=chunk(told, "Quixwood"))
    assert erased(told, By.DOCUMENT, "zeb.md").clean
    file = Path(str(make_url(told.runtime.audit_database.url).database))
    for path in (file, file.with_name(f"{file.name}-wal")):
        assert not path.exists() or words.encode() not in path.read_bytes()
