"""A key's life: made, narrowed, replaced, used, damaged, handed out by somebody."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from acl.audit.models import AuditRow
from acl.caller import ApiScope, Caller, Narrowing
from acl.errors import (
    EscalationError,
    InvalidAclError,
    InvalidTokenError,
    NotFoundError,
    SpentKeyError,
    TenantDisabledError,
)
from acl.identity import key_admin
from acl.identity.key_use import INTERVAL, KeyUse
from acl.identity.keys import (
    KeyState,
    NewKey,
    authenticate,
    create_key,
    revoke_key,
    rotate_key,
    state_of,
)
from acl.identity.narrowing import dump_narrowing, narrowing_to_json, parse_narrowing
from acl.models import ApiKeyRow, Tenant
from acl.principal import Principal
from tests.support.clock import HOUR, NOON
from tests.support.installation import TENANT

if TYPE_CHECKING:
    from acl.orm import Database

ANN, BOT = Principal.parse("user:ann"), Principal.parse("service:bot")
DAY = timedelta(days=1)
NARROW = Narrowing(frozenset({"wiki"}), frozenset({"team"}), "audit")
OPERATOR = key_admin.Issuing("cli:operator")


def make(catalogue: Database, **options: Any) -> NewKey:
    with catalogue.write(TENANT) as session:
        given_ = {"api_scopes": [ApiScope.RETRIEVE], "now": NOON, **options}
        return create_key(session, TENANT, ANN, **given_)


def rotate(catalogue: Database, key_id: str, **options: Any) -> NewKey:
    with catalogue.write(TENANT) as session:
        return rotate_key(session, TENANT, key_id, **{"now": NOON, **options})


def row(catalogue: Database, key_id: str) -> ApiKeyRow:
    with catalogue.read(TENANT) as session:
        return session.get_one(ApiKeyRow, (TENANT, key_id))


def good(catalogue: Database, key: NewKey, *, at: Any = NOON) -> bool:
    try:
        authenticate(catalogue, key.token, now=at)
    except InvalidTokenError:
        return False
    return True


# Narrowing


def test_a_key_takes_away_what_it_was_narrowed_by_and_names_itself(catalogue: Database) -> None:
    key = make(catalogue, narrowing=NARROW)
    caller = authenticate(catalogue, key.token, now=NOON)
    assert caller.narrowing == NARROW
    assert caller.via == f"key:{key.key_id}"


_NAMES = st.frozensets(st.sampled_from(["wiki", "team", "ü", "a b", "0"]))


@given(_NAMES | st.none(), _NAMES | st.none(), st.sampled_from(["audit", "a.b:c"]) | st.none())
def test_a_narrowing_is_read_as_it_was_written(
    sources: frozenset[str] | None, acls: frozenset[str] | None, purpose: str | None
) -> None:
    narrowing = Narrowing(sources, acls, purpose)
    assert parse_narrowing(json.loads(dump_narrowing(narrowing))) == narrowing
    assert parse_narrowing(narrowing_to_json(narrowing)) == narrowing


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("sources"), inner),
    max_leaves=8,
)


@given(_JSON)
def test_whatever_else_stands_there_is_refused_and_never_read_as_nothing(value: Any) -> None:
    try:
        parsed = parse_narrowing(value)
    except InvalidAclError:
        return
    assert narrowing_to_json(parsed).keys() == value.keys()


def test_a_key_cannot_be_narrowed_to_what_cannot_be_named(catalogue: Database) -> None:
    for narrowing in (
        Narrowing(sources=frozenset({""})),
        Narrowing(acls=frozenset({"e\u0301"})),
        Narrowing(purpose="no purpose"),
    ):
        with pytest.raises(InvalidAclError):
            make(catalogue, narrowing=narrowing)


# Rotation


def test_a_replacement_has_the_same_rights_and_another_secret(catalogue: Database) -> None:
    scopes = [ApiScope.RETRIEVE, ApiScope.VERIFY]
    old = make(catalogue, actor=BOT, narrowing=NARROW, api_scopes=scopes, label="bot")
    new = rotate(catalogue, old.key_id)
    before, after = (authenticate(catalogue, key.token, now=NOON) for key in (old, new))
    assert before == after  # but for what the audit calls them
    assert before.via != after.via
    assert row(catalogue, new.key_id).replaces == old.key_id
    assert row(catalogue, new.key_id).label == "bot"


def test_both_are_good_during_the_overlap_and_the_old_one_no_longer(catalogue: Database) -> None:
    old = make(catalogue)
    new = rotate(catalogue, old.key_id, overlap=HOUR)
    assert good(catalogue, old, at=NOON + HOUR - timedelta(microseconds=1))
    assert not good(catalogue, old, at=NOON + HOUR)
    assert good(catalogue, new, at=NOON + 365 * DAY)


def test_without_an_overlap_the_old_key_ends_at_once(catalogue: Database) -> None:
    old = make(catalogue)
    rotate(catalogue, old.key_id, overlap=timedelta(0))
    assert not good(catalogue, old)


def test_a_replacement_lives_as_long_as_its_predecessor_was_made_for(catalogue: Database) -> None:
    old = make(catalogue, expires_at=NOON + 10 * DAY)
    new = rotate(catalogue, old.key_id, now=NOON + 9 * DAY, overlap=5 * DAY)
    assert row(catalogue, old.key_id).expires_at == NOON + 10 * DAY  # an overlap never lengthens
    assert row(catalogue, new.key_id).expires_at == NOON + 19 * DAY


def test_a_key_that_is_over_is_not_replaced(catalogue: Database) -> None:
    expired, revoked = make(catalogue, expires_at=NOON), make(catalogue)
    with catalogue.write(TENANT) as session:
        revoke_key(session, TENANT, revoked.key_id, now=NOON)
    for key, state in ((expired, "expired"), (revoked, "revoked")):
        with pytest.raises(SpentKeyError, match=state):
            rotate(catalogue, key.key_id)
    with pytest.raises(NotFoundError):
        rotate(catalogue, "0" * 16)


@pytest.mark.parametrize(
    ("column", "value"),
    [("narrowing", "{"), ("subject", "everyone"), ("actor", "x"), ("api_scopes", "retrieve root")],
)
def test_a_damaged_key_lets_nobody_in_and_is_not_replaced(
    catalogue: Database, column: str, value: str
) -> None:
    key = make(catalogue)
    with catalogue.write(TENANT) as session:
        setattr(session.get_one(ApiKeyRow, (TENANT, key.key_id)), column, value)
    assert not good(catalogue, key)
    assert state_of(row(catalogue, key.key_id), now=NOON) is KeyState.DAMAGED
    with pytest.raises(SpentKeyError, match="damaged"):
        rotate(catalogue, key.key_id)
    with catalogue.write(TENANT) as session, pytest.raises(SpentKeyError, match="damaged"):
        key_admin.rotate(session, TENANT, key.key_id, issuing=OPERATOR, now=NOON)


def test_a_good_key_of_a_tenant_that_is_off_is_told_so(catalogue: Database) -> None:
    key = make(catalogue)
    with catalogue.unguarded("a test switches a tenant off", writable=True) as session:
        session.get_one(Tenant, TENANT).enabled = False
    with pytest.raises(TenantDisabledError):
        authenticate(catalogue, key.token, now=NOON)
    wrong = key.token[:-1] + ("A" if key.token[-1] != "A" else "Q")
    with pytest.raises(InvalidTokenError):  # whoever has no good key learns nothing of it
        authenticate(catalogue, wrong, now=NOON)


# Handing out


def admin(*scopes: ApiScope, **options: Any) -> key_admin.Issuing:
    return key_admin.Issuing.by(
        Caller(TENANT, ANN, **{"api_scopes": frozenset(scopes), "via": "key:1", **options})
    )


def hand_out(catalogue: Database, issuing: key_admin.Issuing, *scopes: ApiScope) -> NewKey:
    with catalogue.write(TENANT) as session:
        return key_admin.make(
            session, TENANT, BOT, issuing=issuing, api_scopes=frozenset(scopes), now=NOON
        )


def test_nobody_hands_out_a_scope_they_do_not_hold(catalogue: Database) -> None:
    giver = admin(ApiScope.ACL_ADMIN, ApiScope.RETRIEVE)
    assert hand_out(catalogue, giver, ApiScope.RETRIEVE, ApiScope.ACL_ADMIN)
    with pytest.raises(EscalationError, match="'ops'"):
        hand_out(catalogue, giver, ApiScope.RETRIEVE, ApiScope.OPS)
    assert hand_out(catalogue, OPERATOR, *ApiScope)


def test_nobody_gets_a_scope_by_replacing_somebody_s_key(catalogue: Database) -> None:
    strong = hand_out(catalogue, OPERATOR, ApiScope.OPS)
    with catalogue.write(TENANT) as session, pytest.raises(EscalationError):
        key_admin.rotate(
            session, TENANT, strong.key_id, issuing=admin(ApiScope.ACL_ADMIN), now=NOON
        )
    assert row(catalogue, strong.key_id).expires_at is None


@pytest.mark.parametrize("bound", [{"actors": (BOT,)}, {"narrowing": NARROW}], ids=str)
def test_a_delegated_or_narrowed_token_makes_no_keys_but_may_revoke(
    catalogue: Database, bound: dict[str, Any]
) -> None:
    giver = admin(*ApiScope, **bound)
    key = hand_out(catalogue, OPERATOR, ApiScope.RETRIEVE)
    with pytest.raises(EscalationError, match="delegated or narrowed"):
        hand_out(catalogue, giver, ApiScope.RETRIEVE)
    with catalogue.write(TENANT) as session, pytest.raises(EscalationError):
        key_admin.rotate(session, TENANT, key.key_id, issuing=giver, now=NOON)
    with catalogue.write(TENANT) as session:
        key_admin.revoke(session, TENANT, key.key_id, issuing=giver, now=NOON)
    assert not good(catalogue, key)


@pytest.mark.parametrize("bound", [{"actor": BOT}, {"narrowing": NARROW}], ids=str)
def test_a_key_of_an_agent_or_a_narrowed_one_is_for_reading_alone(
    catalogue: Database, bound: dict[str, Any]
) -> None:
    given_: dict[str, Any] = {"issuing": OPERATOR, "now": NOON, **bound}
    with catalogue.write(TENANT) as session:
        reading = frozenset({ApiScope.RETRIEVE, ApiScope.VERIFY})
        assert key_admin.make(session, TENANT, ANN, api_scopes=reading, **given_)
        for scope in set(ApiScope) - reading:
            with pytest.raises(EscalationError, match=f"'{scope}'"):
                key_admin.make(session, TENANT, ANN, api_scopes=reading | {scope}, **given_)


def test_every_change_of_a_key_is_audited_with_its_author_and_without_its_token(
    catalogue: Database,
) -> None:
    key = hand_out(catalogue, admin(ApiScope.RETRIEVE), ApiScope.RETRIEVE)
    with catalogue.write(TENANT) as session:
        new = key_admin.rotate(session, TENANT, key.key_id, issuing=OPERATOR, now=NOON)
        key_admin.revoke(session, TENANT, key.key_id, issuing=OPERATOR, now=NOON)
    with catalogue.read(TENANT) as session:
        rows = session.scalars(select(AuditRow).order_by(AuditRow.seq)).all()
        told = [(row.kind, json.loads(row.body)) for row in rows]
    assert [kind for kind, _ in told] == ["key.create", "key.rotate", "key.revoke"]
    assert [body["actor"] for _, body in told] == ["user:ann key:1", "cli:operator", "cli:operator"]
    assert (told[1][1]["replaces"], told[1][1]["key"]) == (key.key_id, new.key_id)
    everything = json.dumps(told)
    assert not any(made.token.split("_", 2)[2] in everything for made in (key, new))


def test_a_refused_change_leaves_neither_key_nor_audit(catalogue: Database) -> None:
    with pytest.raises(EscalationError):
        hand_out(catalogue, admin(), ApiScope.RETRIEVE)
    with catalogue.read(TENANT) as session:
        assert session.scalars(select(ApiKeyRow)).all() == []
        assert session.scalars(select(AuditRow)).all() == []


# Use


def note(use: KeyUse, catalogue: Database, key: NewKey, at: Any) -> None:
    use.note(authenticate(catalogue, key.token, now=NOON), at=at)


def test_the_last_use_is_written_in_the_end(catalogue: Database) -> None:
    used, unused = make(catalogue), make(catalogue)
    use = KeyUse(catalogue, pause_seconds=60)
    note(use, catalogue, used, NOON)
    assert row(catalogue, used.key_id).last_used_at is None  # nobody waited for it
    use.close()
    assert row(catalogue, used.key_id).last_used_at == NOON
    assert row(catalogue, unused.key_id).last_used_at is None


def test_it_is_written_in_the_background_without_being_asked(catalogue: Database) -> None:
    key = make(catalogue)
    use = KeyUse(catalogue, pause_seconds=0.01)
    note(use, catalogue, key, NOON)
    for _ in range(500):
        if row(catalogue, key.key_id).last_used_at == NOON:
            break
        use._closing.wait(0.01)
    assert row(catalogue, key.key_id).last_used_at == NOON
    use.close()


def test_a_busy_key_is_written_once_in_an_interval(catalogue: Database) -> None:
    key = make(catalogue)
    use = KeyUse(catalogue, pause_seconds=60)
    for at, written in (
        (NOON, NOON),
        (NOON + INTERVAL - timedelta(seconds=1), NOON),
        (NOON + INTERVAL, NOON + INTERVAL),
    ):
        note(use, catalogue, key, at)
        use.flush()
        assert row(catalogue, key.key_id).last_used_at == written
    use.close()


def test_a_later_use_that_another_process_wrote_stays(catalogue: Database) -> None:
    key = make(catalogue)
    with catalogue.write(TENANT) as session:
        session.get_one(ApiKeyRow, (TENANT, key.key_id)).last_used_at = NOON + HOUR
    use = KeyUse(catalogue, pause_seconds=60)
    note(use, catalogue, key, NOON)
    use.close()
    assert row(catalogue, key.key_id).last_used_at == NOON + HOUR


def test_a_use_that_cannot_be_written_is_lost_and_nothing_else(
    catalogue: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make(catalogue)
    use = KeyUse(catalogue, pause_seconds=60)

    def locked(_tenant: str) -> None:
        raise OperationalError("UPDATE", {}, Exception("database is locked"))

    note(use, catalogue, key, NOON)
    monkeypatch.setattr(catalogue, "write", locked)
    use.close()
    assert good(catalogue, key)


def test_whoever_comes_without_a_key_is_not_noted(catalogue: Database) -> None:
    use = KeyUse(catalogue, pause_seconds=60)
    use.note(Caller(TENANT, ANN, via="jwt:issuer:1"), at=NOON)
    use.note(Caller(TENANT, ANN), at=NOON)
    assert use._thread is None
    use.close()
