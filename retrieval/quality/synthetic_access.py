"""A made-up month of an audit, as ``GET /v1/audit`` would tell it: the same for the same seed.

Two groups of people ask; one leaves a group on the way, one is switched off; a document that many
have read turns out wrong and is corrected; and one night somebody tries what is not theirs.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Event = dict[str, Any]

BEGINS: Final = datetime(2026, 10, 26, tzinfo=UTC)
CORRECTED: Final = "rates-2026"
"""A document of which version 2 is right, from the fourth week on."""

_SHARED: Final = (CORRECTED, "travel-policy", "leave-policy", "handbook", "security-basics")
_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "treasury": ("hedging-limits", "counterparties", "liquidity-plan"),
    "people": ("salary-bands", "grievances"),
}
_PEOPLE: Final = {
    "user:ana": "treasury",
    "user:tomas": "treasury",
    "user:leonor": "treasury",
    "user:dora": "people",
    "user:beate": "people",
    "user:hana": "",
    "user:yusuf": "",
    "user:bruno": "",
}
_LEAVES: Final = ("user:tomas", timedelta(days=17, hours=11, minutes=30))
_SWITCHED_OFF: Final = ("user:beate", timedelta(days=23, hours=9))
_TRIES: Final = ("user:hana", timedelta(days=20, hours=22))
_CORRECTION: Final = timedelta(days=23, hours=8)


def made_up_events(seed: int = 2026) -> list[Event]:
    """All events, in order of time within each stream."""
    draw = random.Random(seed)  # noqa: S311 - not a secret
    access = [*_answers(draw), *_refusals(draw)]
    administration = [
        _event(_LEAVES[1], "member.remove", group="group:treasury", member=_LEAVES[0]),
        _event(_SWITCHED_OFF[1], "principal.disable", principal=_SWITCHED_OFF[0]),
        _event(timedelta(days=2, hours=10), "member.add", group="group:people", member="user:dora"),
    ]
    numbered: list[Event] = []
    for stream, events in (("access", access), ("administration", administration)):
        ordered = sorted(events, key=lambda event: str(event["at"]))
        numbered += [
            {**event, "stream": stream, "seq": seq}
            for event, seq in zip(ordered, count(1), strict=False)
        ]
    return numbered


def _answers(draw: random.Random) -> Iterator[Event]:
    for day in range(28):
        for person, group in _PEOPLE.items():
            for _ in range(draw.choice((0, 1, 2, 4)) if day % 7 < 5 else 0):  # noqa: PLR2004 - weekends
                after = timedelta(days=day, hours=draw.randrange(8, 18), minutes=draw.randrange(60))
                if person == _SWITCHED_OFF[0] and after >= _SWITCHED_OFF[1]:
                    continue
                left = person == _LEAVES[0] and after >= _LEAVES[1]
                theirs = (*_SHARED, *(_OF.get(group, ()) if not left else ()))
                documents = draw.sample(theirs, draw.choice((1, 2, 3)))
                yield _event(
                    after,
                    "query",
                    subject=person,
                    actors=draw.choice(([], ["service:assistant"])),
                    view=f"view-of-{group or 'staff'}" if not left else "view-of-staff",
                    status="ok",
                    evidence=[
                        {"document": name, "version": _version(name, after)} for name in documents
                    ],
                )


def _refusals(draw: random.Random) -> Iterator[Event]:
    for _ in range(24):
        after = timedelta(days=draw.randrange(28), hours=draw.randrange(8, 18))
        person = draw.choice(list(_PEOPLE))
        code, operation = draw.choice(
            (
                ("invalid_request", "POST /v1/retrieve"),
                ("not_found", "GET /v1/evidence/{chunk_id}"),
                ("forbidden", "GET /v1/audit"),
            )
        )
        yield _event(after, "denial", subject=person, actors=[], operation=operation, code=code)
    for minute in range(45):
        yield _event(
            _TRIES[1] + timedelta(minutes=minute),
            "denial",
            subject=_TRIES[0],
            actors=[],
            operation="GET /v1/evidence/{chunk_id}",
            code="not_found",
        )


def _version(document: str, after: timedelta) -> int:
    return 2 if document == CORRECTED and after >= _CORRECTION else 1


def _event(after: timedelta, kind: str, **body: Any) -> Event:
    return {"at": (BEGINS + after).isoformat(), "kind": kind, "body": body}
