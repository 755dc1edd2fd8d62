"""Pushing over REST: what is acknowledged is found, once, by whoever may see it."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from acl.caller import ApiScope, Caller, Narrowing
from acl.errors import EscalationError
from acl.identity.keys import create_key
from acl.principal import Principal
from ingestion.push_source import keep_push_source
from retrieval.api import boundary, document_batch, lines
from retrieval.pushing import PushDesk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Service
    from httpx2 import Response

STAFF = {"allow": ["group:staff"]}
BOARD = {"allow": ["group:board"]}
FEED = "feed"


@pytest.fixture(scope="module")
def pusher(service: Service) -> Pusher:
    """A pusher who sees nothing at all."""
    keep_push_source(service.runtime.ingest_context(), "acme", FEED)
    return Pusher(service, service.token("pusher", ApiScope.INGEST))


class Pusher:
    """Somebody with the office to push."""

    def __init__(self, service: Service, token: str) -> None:
        self.service = service
        self._headers = {"Authorization": f"Bearer {token}"}

    def put(
        self, name: str, *, key: str | None = None, source: str = FEED, **body: Any
    ) -> Response:
        return self.service.client.put(
            f"/v1/sources/{source}/documents/{quote(name)}", json=body, headers=self._with(key)
        )

    def delete(self, name: str, *, key: str | None = None, **query: Any) -> Response:
        return self.service.client.delete(
            f"/v1/sources/{FEED}/documents/{quote(name)}", params=query, headers=self._with(key)
        )

    def batch(
        self, content: bytes | Iterator[bytes], kind: str = "application/x-ndjson"
    ) -> Response:
        return self.service.client.post(
            f"/v1/sources/{FEED}/documents:batch",
            content=content,
            headers={**self._headers, "Content-Type": kind},
        )

    def _with(self, key: str | None) -> dict[str, str]:
        return self._headers if key is None else {**self._headers, "Idempotency-Key": key}


def jsonl(*documents: Any) -> bytes:
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


def said(reply: Response) -> list[Any]:
    """The lines of a batch's reply, each as its status or the code of its problem."""
    assert reply.status_code == 200
    read = [json.loads(line) for line in reply.text.splitlines()]
    return [
        line.get("status") or line.get("problem", {}).get("code") or line["summary"]
        for line in read
    ]


def found(service: Service, who: str, query: str) -> str:
    return service.ask(who, query, min_relevance=0.0).text


def test_a_pushed_document_is_found_by_the_next_query_of_whoever_may_see_it(
    pusher: Pusher, service: Service
) -> None:
    reply = pusher.put("hr/leave.md", text="Parental leave takes 14 weeks.", acl=STAFF)
    assert reply.status_code == 200
    assert reply.json()["id"] == "hr/leave.md"
    assert "14 weeks" in found(service, "ann", "parental leave")
    assert "14 weeks" not in found(service, "eve", "parental leave")
    pusher.put("hr/leave.md", text="Parental leave takes 14 weeks.", acl=BOARD)
    assert "14 weeks" not in found(service, "ann", "parental leave")
    assert "14 weeks" in found(service, "bob", "parental leave")
    assert pusher.delete("hr/leave.md").status_code == 200
    assert "14 weeks" not in found(service, "bob", "parental leave")


def test_bytes_come_in_base64(pusher: Pusher, service: Service) -> None:
    content = base64.b64encode(
        b"<html><title>Menu</title><p>The soup is lentil.</p></html>"
    ).decode()
    reply = pusher.put("menu", content_base64=content, media_type="text/html", acl=STAFF)
    assert reply.status_code == 200
    assert "The soup is lentil." in found(service, "ann", "soup of the menu")


def test_whoever_cannot_see_a_document_is_told_the_same_whether_it_is_there_or_not(
    pusher: Pusher,
) -> None:
    body = {"text": "The vault code changes on Mondays.", "acl": BOARD}
    one = [pusher.put("secret", **body).json()["status"] for _ in range(2)]
    one += [pusher.put("secret", text="Another.", acl=BOARD).json()["status"]]
    one += [pusher.delete("secret").json()["status"] for _ in range(2)]
    assert set(one) == {"accepted"}


def test_whoever_can_see_a_document_is_told_what_became_of_it(service: Service) -> None:
    pusher = Pusher(service, service.token("bob", ApiScope.INGEST))
    told = [
        pusher.put("plan", text="Plan A.", acl=BOARD),
        pusher.put("plan", text="Plan A.", acl=BOARD),
        pusher.put("plan", text="Plan B.", acl=BOARD),
        pusher.put("plan", text="Plan B.", acl=STAFF),
        pusher.delete("plan"),
        pusher.delete("plan"),
    ]
    statuses = [reply.json()["status"] for reply in told]
    assert statuses == ["accepted", "unchanged", "changed", "moved", "deleted", "accepted"]


def test_what_is_late_changes_nothing_and_says_so(pusher: Pusher, service: Service) -> None:
    pusher.put("rate", text="The key rate is 3 percent.", acl=STAFF, sequence=10)
    late = pusher.put("rate", text="The key rate is 2 percent.", acl=STAFF, sequence=9)
    assert (late.status_code, late.json()["status"]) == (200, "late")
    assert "3 percent" in found(service, "ann", "key rate")
    assert pusher.delete("rate", sequence=11).json()["status"] == "accepted"
    again = pusher.put("rate", text="The key rate is 3 percent.", acl=STAFF, sequence=10)
    assert again.json()["status"] == "late"
    assert "percent" not in found(service, "ann", "key rate")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"acl": STAFF}, "body"),
        ({"text": "a", "content_base64": "YQ==", "acl": STAFF}, "body"),
        ({"text": "a"}, "body.acl"),
        ({"text": "a", "acl": None}, "body.acl"),
        ({"text": "a", "acl": []}, "body.acl"),
        ({"text": "a", "acl": {"deny": []}}, "body.acl"),
        ({"text": "a", "acl": STAFF, "tenant": "globex"}, "body.tenant"),
        ({"text": "a", "acl": STAFF, "sequence": -1}, "body.sequence"),
        ({"text": "a", "acl": STAFF, "sequence": 2**63}, "body.sequence"),
        ({"text": "a", "acl": STAFF, "modified_at": "2026-01-01T00:00:00"}, "body.modified_at"),
        ({"text": "a", "acl": STAFF, "uri": "javascript:alert(1)"}, "body.uri"),
        ({"text": "a", "acl": STAFF, "title": "a\nb"}, "body.title"),
        ({"content_base64": "%", "acl": STAFF}, "body.content_base64"),
    ],
)
def test_a_malformed_document_is_refused_by_field_and_not_repeated(
    pusher: Pusher, wrong: dict[str, Any], field: str
) -> None:
    reply = pusher.put("x", **wrong)
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")
    assert any(error["field"].startswith(field) for error in reply.json()["errors"])


def test_a_body_that_is_no_json_is_refused(pusher: Pusher) -> None:
    reply = pusher.service.client.put(
        f"/v1/sources/{FEED}/documents/x",
        content=b'{"text": ',
        headers={**pusher._with(None), "Content-Type": "application/json"},
    )
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"text": "a", "acl": {"allow": ["staff"]}}, "invalid_principal"),
        ({"text": "a", "acl": "folder:handbook:"}, "acl_not_usable"),
        ({"text": "a", "acl": "unheard of"}, "acl_not_usable"),
        ({"text": " ", "acl": STAFF}, "empty"),
    ],
)
def test_what_cannot_be_indexed_is_refused_with_its_code(
    pusher: Pusher, body: dict[str, Any], code: str
) -> None:
    reply = pusher.put("x", **body)
    assert (reply.status_code, reply.json()["code"]) == (422, code)


def test_absent_listed_and_foreign_sources_are_one_reply(pusher: Pusher, service: Service) -> None:
    keep_push_source(service.runtime.ingest_context(), "globex", "theirs")
    replies = set()
    for source in ("unheard", "handbook", "theirs"):
        for body in ({"text": "a", "acl": STAFF}, {"nonsense": 1}):
            reply = pusher.put("x", source=source, **body)
            replies.add((reply.status_code, reply.json()["code"], reply.json()["detail"]))
    assert len(replies) == 1
    assert replies.pop()[0] == 404


@pytest.mark.parametrize(
    "bound",
    [
        {"narrowing": Narrowing(sources=frozenset({FEED}))},
        {"narrowing": Narrowing(acls=frozenset({"x"}))},
        {"narrowing": Narrowing(purpose="audit")},
        {"actor": Principal.parse("service:agent")},
    ],
)
def test_a_delegated_or_narrowed_token_pushes_nothing(
    service: Service, pusher: Pusher, bound: dict[str, Any]
) -> None:
    del pusher  # it made the source
    reply = Pusher(service, key(service, **bound)).put("x", text="a", acl=STAFF)
    assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
    caller = Caller("acme", Principal.parse("user:bob"), actors=(Principal.parse("service:x"),))
    with pytest.raises(EscalationError):
        PushDesk(service.runtime).open(caller, FEED)


def key(service: Service, **options: Any) -> str:
    with service.runtime.database.write("acme") as session:
        return create_key(
            session,
            "acme",
            Principal.parse("user:bob"),
            api_scopes=[ApiScope.INGEST],
            now=service.runtime.clock(),
            **options,
        ).token


def test_the_same_request_with_the_same_key_gets_the_same_reply(service: Service) -> None:
    bob = Pusher(service, service.token("bob", ApiScope.INGEST))
    bob.put("key", text="First.", acl=BOARD)
    replies = [bob.put("key", key="k1", text="Second.", acl=BOARD) for _ in range(2)]
    assert [reply.json()["status"] for reply in replies] == ["changed", "changed"]
    assert bob.put("key", text="Second.", acl=BOARD).json()["status"] == "unchanged"
    conflict = bob.put("key", key="k1", text="Third.", acl=BOARD)
    elsewhere = bob.put("elsewhere", key="k1", text="Second.", acl=BOARD)
    for reply in (conflict, elsewhere):
        assert (reply.status_code, reply.json()["code"]) == (422, "idempotency_conflict")
    deleted = [bob.delete("key", key="k1").json()["status"] for _ in range(2)]
    assert deleted == ["deleted", "deleted"]


def test_a_key_is_its_callers_own(service: Service, pusher: Pusher) -> None:
    bob = Pusher(service, service.token("bob", ApiScope.INGEST))
    bob.put("own", text="First.", acl=BOARD)
    assert bob.put("own", key="k2", text="Second.", acl=BOARD).json()["status"] == "changed"
    stranger = pusher.put("own", key="k2", text="Second.", acl=BOARD)
    assert stranger.json()["status"] == "accepted"
    assert pusher.put("own", key="k2", text="Other.", acl=BOARD).status_code == 422


def test_what_was_refused_may_be_tried_again_with_its_key(pusher: Pusher) -> None:
    assert pusher.put("again", key="k3", text=" ", acl=STAFF).status_code == 422
    assert pusher.put("again", key="k3", text="Now.", acl=STAFF).status_code == 200


def test_each_line_of_a_batch_is_answered_in_its_order(pusher: Pusher, service: Service) -> None:
    reply = pusher.batch(
        jsonl(
            {"id": "b1", "text": "The canteen opens at noon.", "acl": STAFF, "sequence": 1},
            {"id": "b1", "text": "The canteen opens at one.", "acl": STAFF, "sequence": 2},
            {"id": "b1", "text": "The canteen is closed.", "acl": STAFF, "sequence": 1},
            {"id": "b2", "text": "a"},
            {"id": "b3", "text": "b", "acl": "unheard of"},
            {"id": "b4", "text": "The gate is shut.", "acl": STAFF},
            {"id": "b4", "delete": True},
            {"id": "b5", "delete": False},
        )
        + b"\n  \n[1]\nnonsense\n"
        + b'{"id": "torn", "text": "The end of th'
    )
    assert said(reply) == [
        *("accepted", "accepted", "late", "invalid_request", "acl_not_usable"),
        *("accepted", "accepted", "invalid_request"),
        *("invalid_request", "invalid_request", "invalid_request"),
        {"lines": 11, "acknowledged": 5, "failed": 6, "complete": True},
    ]
    numbers = [json.loads(line).get("line") for line in reply.text.splitlines()]
    assert numbers == [*range(1, 9), 11, 12, 13, None]
    assert "opens at one" in found(service, "ann", "canteen opens")
    assert "gate is shut" not in found(service, "ann", "gate")


def test_an_empty_batch_is_a_sign_of_life(pusher: Pusher) -> None:
    assert said(pusher.batch(b"")) == [
        {"lines": 0, "acknowledged": 0, "failed": 0, "complete": True}
    ]


def test_a_line_that_is_too_long_fails_alone(
    pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_batch, "MAX_LINE_BYTES", 200)
    body = jsonl(
        {"id": "short", "text": "Short.", "acl": STAFF},
        {"id": "long", "text": "x" * 1000, "acl": STAFF},
        {"id": "short2", "text": "Short too.", "acl": STAFF},
    )
    for cut in (1, 7, 4096):
        pieces = iter([body[at : at + cut] for at in range(0, len(body), cut)])
        assert said(pusher.batch(pieces))[:-1] == ["accepted", "payload_too_large", "accepted"]


def test_a_batch_with_too_many_lines_is_carried_out_as_far_as_it_may(
    pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_batch, "MAX_LINES", 3)
    lines = [{"id": f"many{n}", "text": f"Number {n}.", "acl": STAFF} for n in range(5)]
    *results, summary = said(pusher.batch(jsonl(*lines)))
    assert results == ["accepted"] * 3
    assert not summary["complete"]
    assert summary["problem"]["code"] == "payload_too_large"


def test_a_batch_that_is_too_large_is_carried_out_as_far_as_it_was_read(
    pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boundary, "MAX_BATCH_BYTES", 1000)
    line = jsonl({"id": "size", "text": "Some size.", "acl": STAFF})
    *results, summary = said(pusher.batch(line * 40))
    assert len(results) < 40
    assert not summary["complete"]
    assert summary["problem"]["code"] == "payload_too_large"


def test_a_document_that_is_too_large_is_refused(
    pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boundary, "MAX_DOCUMENT_BYTES", 1000)
    reply = pusher.put("large", text="x" * 2000, acl=STAFF)
    assert (reply.status_code, reply.json()["code"]) == (413, "payload_too_large")


def test_lines_are_held_within_bounds_whatever_is_sent(
    pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "HELD_BYTES", 100)
    monkeypatch.setattr(lines, "TAKEN_AT_ONCE", 2)
    documents = [{"id": f"held{n}", "text": f"Held {n}.", "acl": STAFF} for n in range(20)]
    assert said(pusher.batch(jsonl(*documents)))[:-1] == ["accepted"] * 20


def test_a_batch_is_json_lines_or_nothing(pusher: Pusher) -> None:
    assert pusher.batch(b"", kind="application/json").status_code == 415
    assert pusher.batch(b"", kind="application/jsonl; charset=utf-8").status_code == 200


def test_an_id_may_hold_anything_printable(pusher: Pusher, service: Service) -> None:
    for name in ("a b/ü%/c?d#e", "x:y", "documents:batch", "..%2f"):
        reply = pusher.put(name, text=f"The id is odd: {name}.", acl=STAFF)
        assert reply.json()["id"] == name
        assert pusher.delete(name).status_code == 200
    assert pusher.put("a\nb", text="a", acl=STAFF).status_code == 422
    assert service.client.put(f"/v1/sources/{FEED}/documents/").status_code in {401, 404, 405}
