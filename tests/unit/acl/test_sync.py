"""Synchronisation: what a directory keeps follows it, and what is unusual waits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from acl.admin.directory import add_member, ensure_principal, set_enabled
from acl.admin.sync import Removal, plan_sync, sync
from acl.admin.sync_file import read_listing
from acl.errors import PolicyFileError
from acl.models import MembershipRow, PrincipalRow, Tenant
from acl.principal import Principal
from tests.support.clock import NOON
from tests.support.installation import SECRET, TENANT

if TYPE_CHECKING:
    from acl.admin.sync import SyncReport
    from acl.orm import Database

parse = Principal.parse


def run(
    catalogue: Database, listing: dict[str, Any], *, name: str = "okta", confirm: bool = False
) -> SyncReport:
    read = read_listing(json.dumps(listing).encode(), file="f")
    with catalogue.write(TENANT) as session:
        return sync(session, TENANT, name, read, secret=SECRET, now=NOON, confirm_removals=confirm)


def people(catalogue: Database) -> dict[str, tuple[bool, str | None]]:
    with catalogue.read(TENANT) as session:
        return {
            row.principal: (row.enabled, row.managed_by)
            for row in session.scalars(select(PrincipalRow))
            if row.principal != "everyone"
        }


def edges(catalogue: Database) -> dict[tuple[str, str], str | None]:
    with catalogue.read(TENANT) as session:
        return {
            (row.grp, row.member): row.managed_by for row in session.scalars(select(MembershipRow))
        }


def users(*names: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"id": name, **fields} for name in names]


def crowd(count: int) -> list[str]:
    return [f"u{number:03}" for number in range(count)]


LISTING = {
    "users": [{"id": "ann", "groups": ["staff"]}, {"id": "old", "active": False}],
    "services": [{"id": "bot"}],
    "groups": [{"id": "eng", "members": ["user:ann", "service:bot", "group:staff"]}],
}


def test_a_listing_is_taken_over_and_again_changes_nothing(catalogue: Database) -> None:
    first = run(catalogue, LISTING)
    assert people(catalogue) == {
        "user:ann": (True, "okta"),
        "user:old": (False, "okta"),
        "service:bot": (True, "okta"),
        "group:eng": (True, "okta"),
        "group:staff": (True, "okta"),
    }
    assert edges(catalogue) == dict.fromkeys(
        [
            ("group:staff", "user:ann"),
            ("group:eng", "user:ann"),
            ("group:eng", "service:bot"),
            ("group:eng", "group:staff"),
        ],
        "okta",
    )
    assert first.counts["new"] == 5
    with catalogue.read(TENANT) as session:
        before = session.get_one(Tenant, TENANT).acl_version
    assert run(catalogue, LISTING).plan.empty
    with catalogue.read(TENANT) as session:
        assert session.get_one(Tenant, TENANT).acl_version == before


def test_json_lines_say_the_same(catalogue: Database) -> None:
    lines = [
        {"kind": kind, **item}
        for key, kind in (("users", "user"), ("services", "service"), ("groups", "group"))
        for item in LISTING[key]
    ]
    text = "\n".join(json.dumps(line) for line in lines)
    assert read_listing(text.encode(), file="f") == read_listing(
        json.dumps(LISTING).encode(), file="f"
    )
    run(catalogue, LISTING)


def test_who_is_gone_from_the_listing_is_switched_off_and_out_of_its_groups(
    catalogue: Database,
) -> None:
    run(catalogue, LISTING)
    report = run(catalogue, {"users": users("kim"), "groups": []})
    assert people(catalogue)["user:ann"] == (False, "okta")
    assert people(catalogue)["service:bot"] == (True, "okta"), "services are not spoken of"
    assert edges(catalogue) == {}
    assert report.counts["members_removed"] == 4
    assert run(catalogue, LISTING).counts["switched_on"] == 1


def test_only_what_this_directory_keeps_is_removed(catalogue: Database) -> None:
    with catalogue.write(TENANT) as session:
        add_member(session, TENANT, parse("group:eng"), parse("user:hand"), now=NOON)
    run(catalogue, {"users": users("az"), "groups": [{"id": "az"}]}, name="azure")
    run(catalogue, LISTING)
    report = run(catalogue, {"users": users("az"), "groups": [], "services": []})
    assert report.kept_elsewhere == ("user:az",)
    assert people(catalogue)["user:az"] == (True, "azure")
    assert people(catalogue)["user:hand"] == (True, None)
    assert edges(catalogue) == {("group:eng", "user:hand"): None}


def test_somebody_known_before_is_adopted_and_leaves_with_the_directory(
    catalogue: Database,
) -> None:
    with catalogue.write(TENANT) as session:
        ensure_principal(session, TENANT, parse("user:ann"), now=NOON)
    assert run(catalogue, {"users": users("ann")}).counts["adopted"] == 1
    run(catalogue, {"users": users("kim")})
    assert people(catalogue)["user:ann"] == (False, "okta")


def test_who_is_switched_off_by_hand_stays_off(catalogue: Database) -> None:
    run(catalogue, LISTING)
    with catalogue.write(TENANT) as session:
        set_enabled(session, TENANT, parse("user:ann"), enabled=False)
    assert run(catalogue, LISTING).left_off == ("user:ann",)
    assert people(catalogue)["user:ann"] == (False, None)
    with catalogue.write(TENANT) as session:
        set_enabled(session, TENANT, parse("user:ann"), enabled=True)
    run(catalogue, LISTING)
    assert people(catalogue)["user:ann"] == (True, "okta")


def test_who_is_only_mentioned_is_off_if_all_of_the_kind_are_listed(catalogue: Database) -> None:
    run(catalogue, {"users": [], "groups": [{"id": "g", "members": ["user:x", "service:y"]}]})
    assert people(catalogue)["user:x"] == (False, "okta")
    assert people(catalogue)["service:y"] == (True, "okta")


@pytest.mark.parametrize(
    ("kept", "gone", "held"), [(100, 20, False), (100, 21, True), (12, 10, False), (12, 11, True)]
)
def test_removals_beyond_the_usual_wait_until_they_are_confirmed(
    catalogue: Database, kept: int, gone: int, held: bool
) -> None:
    names = crowd(kept)
    run(catalogue, {"users": users(*names)})
    rest = {"users": users(*names[gone:], "new")}
    report = run(catalogue, rest)
    assert report.held == ({Removal.VANISHED: gone} if held else {})
    assert people(catalogue)["user:new"] == (True, "okta"), "additions are made all the same"
    assert people(catalogue)["user:u000"] == (held, "okta")
    assert run(catalogue, rest, confirm=True).held == {}
    assert people(catalogue)["user:u000"] == (False, "okta")


def test_a_dismissal_does_not_wait_for_half_a_listing(catalogue: Database) -> None:
    names = crowd(50)
    run(
        catalogue,
        {"users": users(*names), "groups": [{"id": "g", "members": [f"user:{n}" for n in names]}]},
    )
    report = run(catalogue, {"users": [{"id": "u000", "active": False}], "groups": []})
    assert report.held == {Removal.VANISHED: 49, Removal.MEMBERSHIPS: 50}
    assert people(catalogue)["user:u000"] == (False, "okta")
    assert people(catalogue)["user:u001"] == (True, "okta")
    assert len(edges(catalogue)) == 50


def test_a_plan_says_what_then_happens(catalogue: Database) -> None:
    run(catalogue, {"users": users(*crowd(30))})
    listing = read_listing(json.dumps(LISTING).encode(), file="f")
    before = people(catalogue)
    with catalogue.write(TENANT) as session:
        planned = plan_sync(session, TENANT, "okta", listing, secret=SECRET, now=NOON)
    assert people(catalogue) == before
    assert run(catalogue, LISTING) == planned
    assert planned.held == {Removal.VANISHED: 30}


@pytest.mark.parametrize(
    ("source", "line", "field"),
    [
        ('{"people": []}', None, None),
        ("{}", None, None),
        ("[]", None, None),
        ('{"users": {}}', None, "users"),
        ('{"users": [1]}', None, "users[0]"),
        ('{"users": [{"id": "a", "name": "A"}]}', None, "users[0].name"),
        ('{"users": [{"id": 7}]}', None, "users[0].id"),
        ('{"users": [{}]}', None, "users[0].id"),
        ('{"users": [{"id": "*"}]}', None, "users[0].id"),
        ('{"users": [{"id": "a"}, {"id": "a"}]}', None, "users[1]"),
        ('{"users": [{"id": "a", "active": 1}]}', None, "users[0].active"),
        ('{"users": [{"id": "a", "groups": "g"}]}', None, "users[0].groups"),
        ('{"groups": [{"id": "g", "members": ["ann"]}]}', None, "groups[0].members[0]"),
        ('{"groups": [{"id": "g", "members": ["everyone"]}]}', None, "groups[0].members[0]"),
        ('{"users": [], "users": []}', None, None),
        ('{"kind": "user", "id": "a"}\n{"kind": "robot", "id": "b"}', 2, "kind"),
        ('{"kind": "user", "id": "a"}\n{"kind": "user"', 2, None),
        ('{"kind": "user", "id": "a"}\n\n{"kind": "user", "id": ""}', 3, "id"),
    ],
)
def test_every_mistake_is_refused_with_its_place(
    source: str, line: int | None, field: str | None
) -> None:
    with pytest.raises(PolicyFileError) as caught:
        read_listing(source.encode(), file="f")
    assert (caught.value.line, caught.value.field) == (line, field), str(caught.value)


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_anything_else_is_read_or_refused_and_never_crashed_on(source: str | bytes) -> None:
    try:
        read_listing(source.encode() if isinstance(source, str) else source, file="f")
    except PolicyFileError:
        return
