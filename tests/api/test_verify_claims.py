"""Checking claims over HTTP: verdicts, spans to the character, answers split, what is on record."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from acl.audit.models import AuditRow
from acl.caller import ApiScope
from ingestion.models import VersionRow
from ingestion.prepare import pack, unpack

if TYPE_CHECKING:
    from conftest import Service

NOWHERE = "00000000-0000-4000-8000-000000000000"
STATED = "The per diem for trips abroad is 55 euros a day."
SECRET = "merger with Initech"


@pytest.fixture(scope="module")
def ann(service: Service) -> str:
    """A token of ann's that may check."""
    return service.token("ann", ApiScope.RETRIEVE, ApiScope.VERIFY)


@pytest.fixture(scope="module")
def piece(service: Service) -> dict[str, Any]:
    """The evidence on travel, as ann gets it."""
    return dict(service.ask("ann", "per diem for trips abroad").json()["evidence"][0])


def post(service: Service, token: str, body: object) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}", "X-Request-ID": "same"}
    reply = service.client.post("/v1/verify", json=body, headers=headers)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def claim(service: Service, token: str, text: str, *cited: dict[str, Any]) -> dict[str, Any]:
    """What the check of one claim finds."""
    [found] = post(service, token, {"claims": [{"text": text, "citations": list(cited)}]})["claims"]
    return dict(found)


@pytest.mark.parametrize(
    ("text", "verdict", "differs"),
    [
        (STATED, "supported", []),
        ("The per diem for trips abroad is 56 euros a day.", "contradicted", ["number"]),
        ("The per diem for trips abroad is not 55 euros a day.", "contradicted", ["negation"]),
        ("Cats sleep through the winter.", "not_enough", []),
    ],
)
def test_a_claim_is_judged_by_what_it_cites(
    service: Service,
    ann: str,
    piece: dict[str, Any],
    *,
    text: str,
    verdict: str,
    differs: list[str],
) -> None:
    found = claim(service, ann, text, {"chunk_id": piece["chunk_id"]})
    assert (found["verdict"], found["differs_in"]) == (verdict, differs)
    if found["best"] is not None:
        best = found["best"]
        assert best["citation"] == 0
        assert "55 euros" in piece["text"][best["start"] : best["end"]]


def test_a_claim_whose_evidence_is_not_there_has_not_enough(service: Service, ann: str) -> None:
    found = claim(service, ann, STATED, {"chunk_id": NOWHERE})
    assert (found["verdict"], found["score"], found["best"]) == ("not_enough", 0.0, None)
    assert found["reasons"] == ["citation_not_found"]


def test_a_true_claim_with_a_false_quote_is_not_supported(
    service: Service, ann: str, piece: dict[str, Any]
) -> None:
    quote = "trips abroad is 95 euros a day"
    found = claim(service, ann, STATED, {"chunk_id": piece["chunk_id"], "quote": quote})
    assert found["citations"][0]["result"] == "altered"
    assert (found["verdict"], found["reasons"]) == ("not_enough", ["quote_refused"])


def test_a_quote_is_placed_in_the_stored_version_to_the_character(
    service: Service, ann: str, piece: dict[str, Any]
) -> None:
    quote = "\u201ctrips  abroad is\r\n55 euros\u201d"
    [cited] = claim(service, ann, STATED, {"chunk_id": piece["chunk_id"], "quote": quote})[
        "citations"
    ]
    stored = cited["stored"]
    with service.runtime.database.read("acme") as session:
        key = ("acme", stored["document_id"], stored["version"])
        version = session.get(VersionRow, key)
        assert version is not None
        text = unpack(version.extraction).text
    exact = text[stored["start"] : stored["end"]]
    assert exact == "trips abroad is 55 euros"
    assert hashlib.sha256(exact.encode()).hexdigest() == stored["text_sha256"]
    assert piece["text"][cited["start"] : cited["end"]] == exact


@pytest.mark.parametrize(
    ("quote", "shift", "result"),
    [
        ("55 euros a day", 0, "quoted"),
        ("55 euros a day", 1, "misplaced"),
        ("55 euros a day", -4, "misplaced"),
        ("56 euros a day", 0, "altered"),
        ("trips abroad", 0, "misplaced"),
        ("55 euros", 0, "misplaced"),
        (None, 0, "unquoted"),
        ("55 euros a day", 10_000, "misplaced"),
        (None, 10_000, "misplaced"),
    ],
)
def test_a_span_must_be_the_quote(
    service: Service, ann: str, piece: dict[str, Any], *, quote: str | None, shift: int, result: str
) -> None:
    at = piece["citation"]["start"] + piece["text"].index("55 euros a day") + shift
    cited = {"chunk_id": piece["chunk_id"], "start": at, "end": at + len("55 euros a day")}
    quoted = {} if quote is None else {"quote": quote}
    [found] = claim(service, ann, STATED, {**cited, **quoted})["citations"]
    assert found["result"] == result


def test_an_answer_is_split_and_each_sentence_judged_by_its_markers(
    service: Service, ann: str
) -> None:
    answered = service.ask("ann", "per diem for trips abroad").json()
    text = (
        "The per diem for trips abroad is 55 euros a day [e1]. It is 56 euros a day for trips "
        "abroad.[e1] Cats sleep. Dogs bark [e9]."
    )
    found = post(service, ann, {"answer": {"text": text, "receipt_id": answered["receipt_id"]}})
    told = [(one["verdict"], one["reasons"]) for one in found["claims"]]
    assert [verdict for verdict, _ in told] == [
        "supported",
        "contradicted",
        "not_enough",
        "not_enough",
    ]
    assert told[2][1] == ["no_citation"]
    assert told[3][1] == ["citation_not_found"]
    assert text[found["claims"][2]["start"] : found["claims"][2]["end"]] == "Cats sleep."
    assert found["citation_recall"] == 0.25
    assert found["citation_precision"] == 0.3333


def test_a_quotation_in_an_answer_must_stand_in_something_its_sentence_cites(
    service: Service, ann: str, piece: dict[str, Any]
) -> None:
    def result(sentence: str) -> tuple[str, str]:
        chunks = {"e1": piece["chunk_id"]}
        [one] = post(service, ann, {"answer": {"text": sentence, "chunks": chunks}})["claims"]
        return one["citations"][0]["result"], one["verdict"]

    stated = "the per diem for trips abroad is 55 euros a day"
    assert result(f'The policy says "{stated}" [e1].')[0] == "quoted"
    assert result(f'The policy says "{stated.replace("55", "65")}" [e1].') == (
        "altered",
        "contradicted",
    )
    assert result('The policy says "nobody may ever travel in August" [e1].')[0] == "misquoted"


def test_citations_that_do_not_help_are_not_precise(
    service: Service, piece: dict[str, Any]
) -> None:
    bob = service.token("bob", ApiScope.RETRIEVE, ApiScope.VERIFY)
    board = service.ask("bob", SECRET).json()["evidence"][0]["chunk_id"]
    cited = [{"chunk_id": piece["chunk_id"]}, {"chunk_id": board}]
    found = post(service, bob, {"claims": [{"text": STATED, "citations": cited}]})
    assert found["claims"][0]["verdict"] == "supported"
    assert (found["citation_recall"], found["citation_precision"]) == (1.0, 0.5)


def test_a_hidden_citation_beside_a_visible_one_is_an_absent_one_byte_for_byte(
    service: Service, ann: str, piece: dict[str, Any]
) -> None:
    hidden = service.ask("bob", SECRET).json()["evidence"][0]["chunk_id"]
    replies = {
        json.dumps(
            post(
                service,
                ann,
                {
                    "claims": [
                        {
                            "text": f"{STATED} The merger with Initech closes.",
                            "citations": [
                                {"chunk_id": piece["chunk_id"]},
                                {"chunk_id": other, "quote": SECRET, "start": 1, "end": 9},
                            ],
                        }
                    ]
                },
            )
        )
        for other in (hidden, NOWHERE, "nonsense")
    }
    assert len(replies) == 1


def test_every_check_is_on_record_without_a_word_of_it(
    service: Service, ann: str, piece: dict[str, Any]
) -> None:
    claim(service, ann, STATED, {"chunk_id": piece["chunk_id"], "quote": "55 euros a day"})
    with service.runtime.audit_database.read("acme") as session:
        newest = select(AuditRow).where(AuditRow.kind == "verify").order_by(AuditRow.seq.desc())
        row = session.scalars(newest.limit(1)).one()
    body = json.loads(row.body)
    assert body["subject"] == "user:ann"
    assert [one["chunk"] for one in body["evidence"]] == [piece["chunk_id"]]
    assert (body["verdicts"], body["citations"]) == ({"supported": 1}, {"quoted": 1})
    assert "euros" not in row.body


def test_a_stored_original_that_is_not_what_was_indexed_verifies_nothing(
    service: Service, ann: str, piece: dict[str, Any]
) -> None:
    key = ("acme", piece["citation"]["document_id"], piece["citation"]["version"])
    with service.runtime.database.write("acme") as session:
        version = session.get(VersionRow, key)
        assert version is not None
        kept = version.extraction
        parsed = unpack(kept)
        fields = {name: getattr(parsed, name) for name in parsed.__slots__}
        version.extraction = pack(
            type(parsed)(**{**fields, "text": parsed.text.replace("55", "99")})
        )
    try:
        found = claim(service, ann, STATED, {"chunk_id": piece["chunk_id"], "quote": "55 euros"})
    finally:
        with service.runtime.database.write("acme") as session:
            version = session.get(VersionRow, key)
            assert version is not None
            version.extraction = kept
    assert found["citations"][0]["result"] == "unverifiable"
    assert found["verdict"] == "not_enough"
