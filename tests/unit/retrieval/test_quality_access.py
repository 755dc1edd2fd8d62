"""What auditors are told, against a handful of events read by eye."""

from __future__ import annotations

import math
from typing import Any

import pytest

from retrieval.quality import access, access_charts


def event(at: str, kind: str, *, stream: str = "access", **body: Any) -> dict[str, Any]:
    return {"at": f"2026-11-{at}Z", "stream": stream, "seq": 1, "kind": kind, "body": body}


def answer(at: str, who: str, view: str, *shown: tuple[str, int]) -> dict[str, Any]:
    pieces = [{"document": name, "version": version, "chunk": "c"} for name, version in shown]
    return event(at, "query", subject=who, actors=[], view=view, evidence=[*pieces, *pieces])


EVENTS = access.frame_of(
    [
        answer("01T09:00:00", "user:ann", "v1", ("rates", 1), ("plan", 1)),
        answer("01T10:00:00", "user:bob", "v2", ("rates", 1)),
        answer("02T09:00:00", "user:ann", "v1", ("rates", 2)),
        answer("03T09:00:00", "user:bob", "v2", ("rates", 1)),
        event("03T12:00:00", "denial", subject="user:bob", operation="GET /x", code="not_found"),
        event("03T13:00:00", "verify", subject="user:bob", view="v2", evidence=[]),
        event(
            "04T00:00:00",
            "member.remove",
            stream="administration",
            member="user:ann",
            group="group:g",
        ),
        event(
            "04T00:00:00", "acl.revoke", stream="administration", principal="user:bob", acl="board"
        ),
        answer("04T00:00:05", "user:bob", "v2", ("plan", 1)),
        answer("04T00:01:00", "user:ann", "v9"),
        answer("04T00:02:00", "user:ann", "v1"),
        answer("04T00:03:00", "user:bob", "v3"),
    ]
)
NONE = access.frame_of([])


def test_what_was_shown_counts_each_document_of_an_answer_once() -> None:
    seen = access.shown(EVENTS)
    assert seen["document"].tolist() == ["rates", "plan", "rates", "rates", "rates", "plan"]
    reach = access.reach(EVENTS).set_index("document")
    assert reach[["people", "times"]].to_dict("index") == {
        "rates": {"people": 2, "times": 4},
        "plan": {"people": 2, "times": 2},
    }
    table = access.who_saw(EVENTS, "rates").set_index("subject")
    assert table.loc["user:ann", "versions"] == [1, 2]
    assert table.loc["user:bob", "times"] == 2


def test_a_correction_concerns_whoever_saw_the_text_as_it_was_wrong() -> None:
    table = access.after_correction(EVENTS, "rates", version=2).set_index("subject")
    assert table["informed"].to_dict() == {"user:bob": False, "user:ann": True}
    assert table["times"].to_dict() == {"user:bob": 2, "user:ann": 1}
    assert table["after"].to_dict() == {"user:bob": 1, "user:ann": 0}


def test_a_revocation_holds_from_the_first_answer_under_another_view() -> None:
    table = access.revocations(EVENTS).set_index("subject")
    assert table["answers_after"].to_dict() == {"user:ann": 0, "user:bob": 1}
    assert table["seconds"].to_dict() == {"user:ann": 0.0, "user:bob": 5.0}
    assert table["asked_again"].to_dict() == {"user:ann": 60.0, "user:bob": 5.0}


def test_whoever_never_asked_again_was_answered_nothing() -> None:
    table = access.revocations(EVENTS[EVENTS["at"] <= "2026-11-04T00:00:00Z"])
    assert table["answers_after"].tolist() == [0, 0]
    assert all(math.isnan(seconds) for seconds in table["asked_again"])


def test_refusals_are_told_with_whom_and_what() -> None:
    assert access.denials(EVENTS)[["subject", "code"]].to_numpy().tolist() == [
        ["user:bob", "not_found"]
    ]


def test_titles_say_what_was_found() -> None:
    def title(chart: Any) -> str:
        return str(chart.to_dict()["title"]["text"])

    made = access.load_audit()
    assert "45 of " in title(access_charts.refusals(made))
    assert title(access_charts.revocation(made)).endswith("no answer after them as before")
    assert title(access_charts.revocation(EVENTS)).startswith("1 answers after a revocation")
    assert "rates-2026" in title(access_charts.correction(made, "rates-2026", version=2))
    for chart in (access_charts.who_saw_what, access_charts.refusals, access_charts.revocation):
        assert chart(NONE).to_dict()["title"]["subtitle"] == ["Nothing to draw."]


@pytest.mark.parametrize("table", [access.shown, access.reach, access.denials, access.revocations])
def test_an_empty_audit_gives_empty_tables_with_the_same_columns(table: Any) -> None:
    assert table(NONE).empty
    assert list(table(NONE).columns) == list(table(EVENTS).columns)
    nobody = access.after_correction(NONE, "rates", version=2)
    assert list(nobody.columns) == list(access.after_correction(EVENTS, "rates", version=2).columns)
    assert access.who_saw(NONE, "rates").empty
