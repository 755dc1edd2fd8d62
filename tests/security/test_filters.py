"""A filter narrows and never widens, and what is hidden answers it as what does not exist."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from acl.caller import Narrowing
from acl.seal import InvalidSealError
from ingestion.errors import IndexOutdatedError
from ingestion.models import DocumentRow, GenerationRow
from retrieval.account import filters_digest
from retrieval.filters import Filters
from retrieval.query import RetrieveRequest
from tests.support.clock import HOUR, NOON
from tests.support.installation import caller
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.installation import Installation

ANN = caller("user:ann")
SPECS = (acl("open", allow("user:ann")), acl("board", allow("user:bob")))
RULE = "The travel allowance abroad is 55 euros a day."
OLD = NOON - timedelta(days=400)
NOWHERE = "00000000-0000-4000-8000-000000000000"

WIKI = {
    "rule.md": Shelved(RULE, "open", OLD, ("rules", "travel"), "de"),
    "notes.txt": Shelved("Travel abroad: the allowance of interns is 20 euros.", "open"),
    "undated.txt": Shelved(
        "The travel allowance abroad of guests is nothing.",
        "open",
        None,
        ("guests", "travel"),
        "en",
    ),
}
MAIL = {
    "copy.txt": Shelved(RULE, "open", NOON),
    "secret.md": Shelved(
        "The travel allowance abroad of the board is 900 euros.", "board", OLD, ("merger",), "fr"
    ),
}
BOARD = {"minutes.html": Shelved("<p>The board's travel allowance abroad.</p>", "board", OLD)}


@pytest.fixture
def filled(world: Installation) -> tuple[Installation, dict[str, str]]:
    """A world in which one rule stands in two documents, and the document ids by name."""
    world.know("user:ann")
    for name, shelf in (("wiki", WIKI), ("mail", MAIL), ("board", BOARD)):
        world.ingest(ListedSource(name, SPECS, shelf))
    with world.runtime.database.unguarded("the test knows what is hidden") as session:
        rows = session.execute(select(DocumentRow.external_id, DocumentRow.id)).all()
    return world, {name: ident for name, ident in rows}  # noqa: C416 - rows are no tuples of two


def found(world: Installation, filters: Mapping[str, Any], **request: Any) -> dict[str, str]:
    """What is found under a filter: the text of each piece, by the document it is cited from."""
    answer = world.ask(ANN, filters=filters, **request)
    return {piece.citation.document_id: piece.text for piece in answer.evidence}


def test_each_field_finds_what_has_it(filled: tuple[Installation, dict[str, str]]) -> None:
    world, ids = filled
    for filters, expected in (
        ({"source": ["mail"]}, {"copy.txt"}),
        ({"document_id": [ids["notes.txt"], ids["undated.txt"]]}, {"notes.txt", "undated.txt"}),
        ({"media_type": ["text/markdown"]}, {"rule.md"}),
        ({"media_type": ["text/plain"]}, {"copy.txt", "notes.txt", "undated.txt"}),
        ({"tags": ["Travel "]}, {"rule.md", "undated.txt"}),
        ({"tags": ["rules", "guests"], "language": ["EN"]}, {"undated.txt"}),
        ({"language": ["de", "en"]}, {"rule.md", "undated.txt"}),
        ({"modified_at": {"before": NOON}}, {"rule.md"}),
        ({"modified_at": {"since": NOON}}, {"copy.txt", "notes.txt"}),
        ({"modified_at": {"since": OLD, "before": OLD + HOUR}}, {"rule.md"}),
        ({"modified_at": {"since": NOON + HOUR}}, set()),
    ):
        assert found(world, filters).keys() == {ids[name] for name in expected}, filters


def test_a_chunk_of_several_documents_is_cited_from_one_that_satisfies_the_filter(
    filled: tuple[Installation, dict[str, str]],
) -> None:
    world, ids = filled
    for name in ("rule.md", "copy.txt"):
        (piece,) = world.ask(ANN, filters={"document_id": [ids[name]]}).evidence
        assert (piece.citation.document_id, piece.text) == (ids[name], RULE)
        assert piece.also_in == []
    both = found(world, {"document_id": [ids["rule.md"], ids["copy.txt"]]})
    assert list(both.values()) == [RULE]


def test_one_document_must_satisfy_the_whole_filter(
    filled: tuple[Installation, dict[str, str]],
) -> None:
    """The rule stands in old Markdown and in new plain text, and in no old plain text."""
    world, ids = filled
    old = {"modified_at": {"before": NOON}}
    assert found(world, {"media_type": ["text/markdown"], **old}) == {ids["rule.md"]: RULE}
    assert found(world, {"media_type": ["text/plain"], **old}) == {}
    assert found(world, {"source": ["mail"], **old}) == {}
    assert found(world, {"tags": ["rules"]}) == {ids["rule.md"]: RULE}
    assert found(world, {"source": ["mail"], "tags": ["rules"]}) == {}
    assert found(world, old, sources=["mail"]) == {}
    assert found(world, {"document_id": [ids["copy.txt"]], "media_type": ["text/markdown"]}) == {}


def test_what_is_hidden_answers_a_filter_as_what_does_not_exist(
    filled: tuple[Installation, dict[str, str]],
) -> None:
    world, ids = filled
    same: list[list[dict[str, list[str]]]] = [
        [{"source": ["board"]}, {"source": ["unheard"]}],
        [{"document_id": [ids[n]]} for n in ("secret.md", "minutes.html")]
        + [{"document_id": [n]} for n in (NOWHERE, "no id", "\0", "'; DROP TABLE chunk --")],
        [{"media_type": ["text/html"]}, {"media_type": ["text/unheard"]}],
        [{"tags": ["merger"]}, {"tags": ["unheard"]}],
        [{"language": ["fr"]}, {"language": ["xx"]}],
    ]
    for alike in same:
        for others in ({}, {"media_type": ["text/markdown"]}):
            answers = {
                world.ask(ANN, filters={**others, **one}, include=["scores"]).model_dump_json()
                for one in alike
            }
            assert len(answers) == 1
            assert '"evidence":[]' in answers.pop()
    beside = {
        world.ask(
            ANN, filters={"document_id": [ids["notes.txt"], other]}, include=["scores"]
        ).model_dump_json()
        for other in (ids["secret.md"], ids["minutes.html"], NOWHERE)
    }
    assert len(beside) == 1
    assert '"evidence":[{' in beside.pop()


def test_a_filter_changes_no_score(filled: tuple[Installation, dict[str, str]]) -> None:
    """The statistics of words are the caller's whole view, so that answers can be compared."""
    world, ids = filled
    whole = {p.chunk_id: p.scores for p in world.ask(ANN, include=["scores"]).evidence}
    narrowed = world.ask(
        ANN, filters={"document_id": [ids["notes.txt"]]}, include=["scores"]
    ).evidence
    for piece in narrowed:
        assert piece.scores is not None
        before = whole[piece.chunk_id]
        assert before is not None
        assert (piece.scores.dense, piece.scores.lexical) == (before.dense, before.lexical)


def test_a_token_s_sources_are_never_widened_by_a_filter(
    filled: tuple[Installation, dict[str, str]],
) -> None:
    world, ids = filled
    agent = replace(ANN, narrowing=Narrowing(sources=frozenset({"wiki"})))

    def seen(filters: Mapping[str, Any]) -> set[str]:
        answer = world.ask(agent, filters=filters)
        return {piece.citation.document_id for piece in answer.evidence}

    assert seen({"media_type": ["text/plain"]}) == {ids["notes.txt"], ids["undated.txt"]}
    assert seen({"modified_at": {"since": NOON}}) == {ids["notes.txt"]}
    assert seen({"source": ["mail", "wiki"], "modified_at": {"before": NOON}}) == {ids["rule.md"]}
    for filters in ({"document_id": [ids["copy.txt"]]}, {"source": ["mail"]}):
        answers = {
            world.ask(agent, filters=one, include=["scores"]).model_dump_json()
            for one in (filters, {field: ["unheard"] for field in filters})
        }
        assert len(answers) == 1
        assert '"evidence":[]' in answers.pop()


def test_what_was_modified_is_found_by_its_new_date_alone(
    filled: tuple[Installation, dict[str, str]],
) -> None:
    world, ids = filled
    later = replace(WIKI["rule.md"], text=f"{RULE} Breakfast is not included.", modified_at=NOON)
    world.ingest(ListedSource("wiki", SPECS, {**WIKI, "rule.md": later}))
    assert found(world, {"document_id": [ids["rule.md"]]}) == {ids["rule.md"]: later.text}
    assert found(world, {"modified_at": {"before": NOON}}) == {}
    assert ids["rule.md"] in found(world, {"modified_at": {"since": NOON}})


def test_new_tags_alone_are_a_change_and_the_view_says_so(
    filled: tuple[Installation, dict[str, str]],
) -> None:
    """Nothing is embedded again, and whoever kept an answer can tell that it may be another now."""
    world, ids = filled
    before = world.ask(ANN).view
    relabelled = replace(WIKI["rule.md"], tags=("archive",), language="en")
    world.ingest(ListedSource("wiki", SPECS, {**WIKI, "rule.md": relabelled}))
    assert found(world, {"tags": ["rules"]}) == {}
    assert found(world, {"tags": ["archive"], "language": ["en"]}) == {ids["rule.md"]: RULE}
    assert world.ask(ANN).view != before


def test_a_cursor_belongs_to_its_filter(filled: tuple[Installation, dict[str, str]]) -> None:
    world, _ = filled
    plain = {"media_type": ["text/plain"]}
    first = world.ask(ANN, filters=plain, limit=1)
    assert first.next_cursor is not None
    (second,) = world.ask(ANN, filters=plain, limit=1, cursor=first.next_cursor).evidence
    assert second.chunk_id != first.evidence[0].chunk_id
    for other in (None, {"media_type": ["text/markdown"]}, {**plain, "source": ["wiki"]}):
        with pytest.raises(InvalidSealError):
            world.ask(ANN, filters=other, limit=1, cursor=first.next_cursor)


def test_an_index_that_does_not_hold_a_field_says_so_and_answers_the_rest(
    filled: tuple[Installation, dict[str, str]],
) -> None:
    world, ids = filled
    with world.runtime.database.unguarded("as an older version left it", writable=True) as session:
        session.execute(update(GenerationRow).values(layout=1))
    assert found(world, {"source": ["mail"]}) == {ids["copy.txt"]: RULE}
    assert world.texts(ANN, sources=["mail"]) == [RULE]
    for filters in (
        {"document_id": [NOWHERE]},
        {"source": ["mail"], "media_type": ["text/plain"]},
        {"modified_at": {"since": NOON}},
    ):
        with pytest.raises(IndexOutdatedError, match="clearance reindex --full") as refused:
            world.ask(ANN, filters=filters)
        assert refused.value.code == "index_outdated"


def test_no_field_of_a_filter_names_what_the_scope_decides() -> None:
    fields = {"source", "document_id", "media_type", "tags", "language", "modified_at"}
    assert set(Filters.model_fields) == fields


def test_equal_filters_stand_on_record_as_equal_however_they_are_written() -> None:
    def digest(tenant: str = "bank", **request: Any) -> str | None:
        asked = RetrieveRequest(query="x", **request)
        return filters_digest(b"secret", tenant, asked)

    one = digest(sources=["a", "b"])
    assert one is not None
    assert one == digest(filters={"source": ["b", "a", "b"]})
    assert digest() is None
    others = [
        digest("rival", sources=["a", "b"]),
        digest(filters={"source": ["a"]}),
        digest(filters={"document_id": ["a", "b"]}),
        digest(filters={"modified_at": {"since": NOON}}),
        digest(filters={"modified_at": {"before": NOON}}),
    ]
    assert len({one, *others}) == 6
