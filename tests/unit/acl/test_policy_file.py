"""Policy files: read without guessing, applied whole, written so that nothing is left to change."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from acl.admin.acls import put_acl
from acl.admin.directory import add_members, ensure_tenant
from acl.admin.policy import apply_policy, changes_of, plan_policy, policy_of
from acl.admin.policy_file import Policy, read_policy, write_policy
from acl.admin.state import AclState, acl_states
from acl.entries import AclEntry, Effect
from acl.errors import AclInUseError, PolicyFileError
from acl.models import AclContentRow, AclRow, MembershipRow, PrincipalRow, Tenant
from acl.principal import Principal
from tests.support.clock import HOUR, NOON
from tests.support.installation import SECRET, TENANT

if TYPE_CHECKING:
    from acl.admin.plan import Plan
    from acl.orm import Database

parse = Principal.parse

FULL = """\
prune: false
groups:
  group:staff: [user:ann, group:leads]
  group:leads: [user:lea]
acls:
  sub:
    parent: top
    inherit: false
    purposes: [audit, payroll]
    deny: [user:eve]
  top:
    allow:
      - group:staff
      - {principal: "user:tmp", expires_at: 2027-01-01T01:00:00+01:00}
"""


def refused(source: str | bytes, *, as_json: bool = False) -> PolicyFileError:
    content = source.encode() if isinstance(source, str) else source
    with pytest.raises(PolicyFileError) as caught:
        read_policy(content, file="acls.yaml", json=as_json)
    assert caught.value.code == "invalid_policy"
    assert str(caught.value).startswith("acls.yaml")
    return caught.value


def apply(catalogue: Database, source: str | Policy, tenant: str = TENANT) -> Plan:
    policy = read_policy(source.encode(), file="f") if isinstance(source, str) else source
    with catalogue.write(tenant) as session:
        return apply_policy(session, tenant, policy, secret=SECRET, now=NOON)


def exported(catalogue: Database, tenant: str = TENANT) -> Policy:
    with catalogue.read(tenant) as session:
        return policy_of(session, tenant)


def test_a_full_file_is_read_as_written() -> None:
    read = read_policy(FULL.encode(), file="f")
    assert read.groups == {
        parse("group:staff"): {parse("user:ann"), parse("group:leads")},
        parse("group:leads"): {parse("user:lea")},
    }
    assert read.acls["sub"] == AclState(
        "sub",
        "top",
        False,
        frozenset({"audit", "payroll"}),
        frozenset({AclEntry(Effect.DENY, parse("user:eve"))}),
    )
    expires = {str(entry.principal): entry.expires_at for entry in read.acls["top"].entries}
    assert str(expires["user:tmp"]) == "2027-01-01 00:00:00+00:00"
    assert not read.prune


@pytest.mark.parametrize(
    ("source", "line", "field"),
    [
        ("acls: {a: {alow: []}}", 1, "acls['a'].alow"),
        ("acl: {}", 1, "acl"),
        ("acls:\n  a: {}\n  b: {}\n  a: {}\n", 4, "acls.a"),
        ("groups:\n  group:a: []\n  group:a: []\n", 3, "groups.group:a"),
        ("groups:\n  staff: []\n", 2, "groups['staff']"),
        ("groups:\n  user:ann: []\n", 2, "groups['user:ann']"),
        ("groups:\n  group:a:\n  - user:x\n  - user:x\n", 4, "groups['group:a'][1]"),
        ("groups:\n  group:a: [everyone]\n", 2, "groups['group:a'][0]"),
        ("groups:\n  group:a: user:x\n", 2, "groups['group:a']"),
        ("acls:\n  a:\n    allow:\n    - user:x\n    - role:x\n", 5, "acls['a'].allow[1]"),
        ("acls:\n  a:\n    allow: [user:x, user:x]\n", 3, "acls['a'].allow[1]"),
        ("acls:\n  a:\n    allow: [user:x, {principal: user:x}]\n", 3, "acls['a'].allow[1]"),
        ("acls:\n  a:\n    deny: ['user:*']\n", 3, "acls['a'].deny[0]"),
        ("acls:\n  a:\n    deny: [{principal: user:x, until: 1}]\n", 3, "acls['a'].deny[0].until"),
        ("acls:\n  a:\n    purposes: [a b]\n", 3, "acls['a'].purposes[0]"),
        ("acls:\n  a:\n    purposes: [a, a]\n", 3, "acls['a'].purposes[1]"),
        ("acls:\n  a:\n    inherit: 0\n", 3, "acls['a'].inherit"),
        ("acls:\n  a:\n    parent: [b]\n", 3, "acls['a'].parent"),
        ("acls:\n  a:\n", 2, "acls['a']"),
        ("acls:\n  '': {}\n", 2, "acls['']"),
        ("acls: []", 1, "acls"),
        ("prune: maybe", 1, "prune"),
        ("acls:\n  a: &x {}\n  b: *x\n", 3, None),
        ("a: &a [1]\nb: &b [*a, *a]\n", 2, None),
        ("", None, None),
        ("- a", 1, None),
        ("acls: {a: {}", 2, None),
        ("--- {}\n--- {}\n", 2, None),
    ],
)
def test_every_mistake_is_refused_with_its_line_and_field(
    source: str, line: int | None, field: str | None
) -> None:
    error = refused(source)
    assert (error.line, error.field) == (line, field), str(error)


def test_a_cycle_of_parents_is_refused_with_the_cycle_named() -> None:
    error = refused("acls:\n  a: {parent: c}\n  b: {parent: a}\n  c: {parent: b}\n")
    assert "a → c → b → a" in str(error)
    assert (error.line, error.field) == (2, "acls['a'].parent")


@pytest.mark.parametrize("brackets", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000 + "x"])
def test_what_is_bottomless_or_enormous_is_refused(brackets: str) -> None:
    assert "nested" in str(refused(brackets))
    assert "larger" in str(refused(b"#" * (8 * 1024 * 1024 + 1)))
    assert "UTF-8" in str(refused(b"acls: {\xff: {}}"))


def test_json_is_read_by_its_own_rules_and_just_as_strictly() -> None:
    text = '{"acls": {"\\ud83d\\ude00/\\/x": {"allow": [{"principal": "user:a"}]}}}'
    assert list(read_policy(text.encode(), file="f", json=True).acls) == ["😀//x"]
    assert "twice" in str(refused('{"acls": {"a": {}, "a": {}}}', as_json=True))
    assert refused('{"acls": {"a": {"alow": []}}}', as_json=True).field == "acls['a'].alow"
    assert refused('{"acls": {"a": {"parent": 7}}}', as_json=True).field == "acls['a'].parent"
    assert "nested" in str(refused("[" * 100_000, as_json=True))
    deep = json.dumps({"acls": {"a": json.loads("[" * 40 + "]" * 40)}})
    assert "nested" in str(refused(deep, as_json=True))


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_anything_else_is_read_or_refused_and_never_crashed_on(source: str | bytes) -> None:
    content = source.encode() if isinstance(source, str) else source
    for as_json in (False, True):
        try:
            read_policy(content, file="f", json=as_json)
        except PolicyFileError:
            continue


_NAMES = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=8).filter(
    lambda name: name.isprintable() and name == name.strip()
)
_PEOPLE = st.sampled_from(["user:ann", "user:a:b", "group:x", "service:yes", "everyone", "user:ü"])


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Any policy that can be written."""
    acls: dict[str, AclState] = {}
    for name in draw(
        st.lists(st.sampled_from(["yes", "1", "a: b", "#x", "é", "null", "-"]), unique=True)
    ):
        entries = {
            (effect, who): AclEntry(effect, parse(who), expires)
            for effect, who, expires in draw(
                st.lists(
                    st.tuples(
                        st.sampled_from(Effect), _PEOPLE, st.sampled_from([None, NOON, NOON + HOUR])
                    ),
                    max_size=4,
                )
            )
        }
        acls[name] = AclState(
            name,
            draw(st.sampled_from([None, *acls])),
            draw(st.booleans()),
            draw(st.frozensets(st.sampled_from(["audit", "on"]))),
            frozenset(entries.values()),
        )
    members = st.frozensets(_PEOPLE.filter(lambda name: name != "everyone").map(parse))
    groups = draw(st.dictionaries(st.sampled_from(["group:a", "group:no"]).map(parse), members))
    return Policy(groups, acls)


@given(policies())
def test_what_is_written_is_read_as_the_same(policy: Policy) -> None:
    read = read_policy(write_policy(policy).encode(), file="f")
    assert (read.groups, read.acls, read.prune) == (policy.groups, policy.acls, policy.prune)


def test_what_is_applied_is_exported_and_applying_it_again_changes_nothing(
    catalogue: Database,
) -> None:
    assert not apply(catalogue, FULL).empty
    read = read_policy(FULL.encode(), file="f")
    out = exported(catalogue)
    assert (out.groups, out.acls) == (read.groups, read.acls)
    again = read_policy(write_policy(out).encode(), file="f")
    for pruned in (False, True):
        policy = Policy(again.groups, again.acls, prune=pruned)
        before = version(catalogue)
        assert apply(catalogue, policy).empty
        assert version(catalogue) == before


def version(catalogue: Database) -> int:
    with catalogue.read(TENANT) as session:
        return session.get_one(Tenant, TENANT).acl_version


def test_one_application_is_one_version_however_much_it_changes(catalogue: Database) -> None:
    before = version(catalogue)
    apply(catalogue, FULL)
    assert version(catalogue) == before + 1


def test_what_is_listed_becomes_exactly_as_listed(catalogue: Database) -> None:
    apply(catalogue, FULL)
    apply(catalogue, "groups: {group:staff: [user:bob]}\nacls: {top: {deny: [user:ann]}}\n")
    out = exported(catalogue)
    assert out.groups[parse("group:staff")] == {parse("user:bob")}
    assert out.acls["top"].entries == {AclEntry(Effect.DENY, parse("user:ann"))}
    assert out.acls["sub"].purposes == {"audit", "payroll"}, "what is not listed stays"
    assert out.groups[parse("group:leads")] == {parse("user:lea")}


def test_pruning_removes_what_is_not_listed_children_first(catalogue: Database) -> None:
    apply(catalogue, FULL)
    apply(catalogue, "prune: true\ngroups: {group:leads: [user:lea]}\n")
    out = exported(catalogue)
    assert out.acls == {}
    assert out.groups == {parse("group:staff"): set(), parse("group:leads"): {parse("user:lea")}}


def test_parents_can_change_places(catalogue: Database) -> None:
    apply(catalogue, "acls: {a: {}, b: {parent: a}, c: {parent: b}}")
    apply(catalogue, "acls: {a: {parent: c}, c: {}}")
    assert {name: state.parent for name, state in exported(catalogue).acls.items()} == {
        "a": "c",
        "b": "a",
        "c": None,
    }
    with pytest.raises(PolicyFileError, match="cycle: c → b → a → c"):
        apply(catalogue, "acls: {c: {parent: b}}")


def test_a_parent_that_does_not_exist_is_named(catalogue: Database) -> None:
    with pytest.raises(PolicyFileError, match=r"f:2: acls\['a'\].parent: 'nowhere' does not exist"):
        apply(catalogue, "acls:\n  a: {parent: nowhere}\n")


def test_what_others_keep_is_neither_exported_nor_overwritten(catalogue: Database) -> None:
    with catalogue.write(TENANT) as session:
        put_acl(session, TENANT, "folder:x", secret=SECRET, managed_by="handbook", now=NOON)
        add_members(
            session,
            TENANT,
            [(parse("group:staff"), parse("user:kim"))],
            managed_by="okta",
            now=NOON,
        )
    out = exported(catalogue)
    assert out.acls == {}
    assert out.groups == {parse("group:staff"): set()}
    with pytest.raises(PolicyFileError, match="handbook"):
        apply(catalogue, "acls: {'folder:x': {}}")
    apply(catalogue, "prune: true\ngroups: {group:staff: []}\nacls: {own: {parent: 'folder:x'}}")
    with catalogue.read(TENANT) as session:
        assert session.get(MembershipRow, (TENANT, "user:kim", "group:staff")) is not None
        assert acl_states(session, TENANT).keys() == {"folder:x", "own"}


def test_nothing_is_applied_if_anything_is_refused(catalogue: Database) -> None:
    apply(catalogue, FULL)
    with catalogue.write(TENANT) as session:
        top = session.scalars(select(AclRow).where(AclRow.name == "top")).one()
        session.add(
            AclContentRow(
                tenant=TENANT, acl_id=top.id, source="s", occurrences=1, content_hash=bytes(32)
            )
        )
    before = exported(catalogue)
    with pytest.raises(AclInUseError):
        apply(catalogue, "prune: true\ngroups: {group:new: [user:new]}")
    assert exported(catalogue) == before
    with catalogue.read(TENANT) as session:
        assert session.get(PrincipalRow, (TENANT, "user:new")) is None


def test_a_plan_changes_nothing_and_says_who_gains_and_loses(catalogue: Database) -> None:
    apply(catalogue, FULL)
    wanted = read_policy(
        b"groups: {group:staff: [user:bob]}\nacls: {top: {allow: [group:staff]}}", file="f"
    )
    before, version_before = exported(catalogue), version(catalogue)
    with catalogue.write(TENANT) as session:
        made = plan_policy(session, TENANT, wanted, secret=SECRET, now=NOON)
    assert exported(catalogue) == before
    assert version(catalogue) == version_before
    (shift,) = made.shifts
    assert (shift.acl, shift.guards) == ("top", False)
    assert shift.gains == ("user:bob",)
    assert shift.loses == ("user:ann", "user:lea", "user:tmp")
    assert apply(catalogue, wanted).shifts == made.shifts


def test_ten_thousand_entries_are_planned_and_applied(catalogue: Database) -> None:
    acls = {
        f"acl-{number}": AclState(
            f"acl-{number}",
            entries=frozenset(
                AclEntry(Effect.ALLOW, parse(f"user:u{(number * 7 + n) % 2_000}"))
                for n in range(10)
            ),
        )
        for number in range(1_000)
    }
    policy = read_policy(write_policy(Policy({}, acls)).encode(), file="f")
    made = apply(catalogue, policy)
    assert len(made.shifts) == 1_000
    assert exported(catalogue).acls == acls


def test_tenants_do_not_meet(catalogue: Database) -> None:
    ensure_tenant(catalogue, "other", now=NOON)
    apply(catalogue, FULL, "other")
    before = exported(catalogue, "other")
    apply(catalogue, "prune: true\nacls: {top: {allow: [everyone]}}")
    assert exported(catalogue, "other") == before
    with catalogue.read("other") as session:
        assert changes_of(session, "other", before) == []


def test_an_entry_that_expires_otherwise_is_a_change(catalogue: Database) -> None:
    apply(catalogue, FULL)
    later = FULL.replace("2027-01-01T01:00:00+01:00", "2028-01-01T00:00:00Z")
    made = apply(catalogue, later)
    assert [str(change) for change in made.changes] == ["change ACL top"]
    assert made.shifts == (), "it is unexpired before and after"
    assert NOON + timedelta(days=1) > NOON
