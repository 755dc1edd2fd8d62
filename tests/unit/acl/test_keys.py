"""API keys: shown once, stored as a hash, and refused in the same words whatever is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from acl.caller import ApiScope, Caller
from acl.errors import InvalidPrincipalError, InvalidTokenError, NotFoundError
from acl.identity.faults import REFUSED
from acl.identity.keys import NewKey, authenticate, create_key, revoke_key
from acl.models import ApiKeyRow
from acl.principal import EVERYONE, Principal
from tests.support.clock import HOUR, NOON
from tests.support.installation import TENANT

if TYPE_CHECKING:
    from acl.orm import Database

ANN = Principal.parse("user:ann")


def _key(catalogue: Database, **options: object) -> NewKey:
    with catalogue.write(TENANT) as session:
        return create_key(
            session,
            TENANT,
            ANN,
            **{"api_scopes": [ApiScope.RETRIEVE], "now": NOON, **options},  # type: ignore[arg-type]
        )


def test_a_key_speaks_for_its_subject_through_its_actor_with_its_scopes(
    catalogue: Database,
) -> None:
    bot = Principal.parse("service:bot")
    key = _key(catalogue, actor=bot, api_scopes=[ApiScope.VERIFY, ApiScope.RETRIEVE])
    assert authenticate(catalogue, key.token, now=NOON) == Caller(
        TENANT, ANN, (bot,), frozenset({ApiScope.VERIFY, ApiScope.RETRIEVE})
    )


def test_the_secret_of_a_key_is_stored_nowhere(catalogue: Database) -> None:
    key = _key(catalogue)
    secret = key.token.split("_", 2)[2].encode()
    with catalogue.read(TENANT) as session:
        row = session.scalars(select(ApiKeyRow)).one()
        stored = " ".join(str(getattr(row, column.key)) for column in ApiKeyRow.__table__.columns)
    assert secret.decode() not in stored
    assert secret not in row.secret_hash


def test_two_keys_have_nothing_in_common(catalogue: Database) -> None:
    one, other = _key(catalogue), _key(catalogue)
    assert one.key_id != other.key_id
    assert one.token[21:] != other.token[21:]


def test_a_key_works_until_the_instant_it_expires(catalogue: Database) -> None:
    key = _key(catalogue, expires_at=NOON + HOUR)
    assert authenticate(catalogue, key.token, now=NOON)
    with pytest.raises(InvalidTokenError):
        authenticate(catalogue, key.token, now=NOON + HOUR)


def test_every_wrong_token_is_refused_in_the_same_words(catalogue: Database) -> None:
    good, other = _key(catalogue), _key(catalogue)
    expired, revoked = _key(catalogue, expires_at=NOON), _key(catalogue)
    with catalogue.write(TENANT) as session:
        revoke_key(session, TENANT, revoked.key_id, now=NOON)
    crossed = f"clr_{good.key_id}_{other.token.split('_', 2)[2]}"
    last = "A" if good.token[-1] != "A" else "Q"
    wrong = [
        *("", "clr_", "Bearer x", "clr_0123456789abcdef_" + "A" * 43),
        *(good.token[:-1], good.token[:-1] + last, good.token + "A", good.token + "\n"),
        *(good.token.upper(), " " + good.token, good.key_id, crossed),
        *(expired.token, revoked.token, "clr_" + "\u0661" * 16 + "_" + "A" * 43),
    ]
    for token in wrong:
        with pytest.raises(InvalidTokenError) as raised:
            authenticate(catalogue, token, now=NOON)
        assert (str(raised.value), raised.value.code) == (REFUSED, "unauthenticated"), token
    assert authenticate(catalogue, good.token, now=NOON)


def test_revoking_is_idempotent_and_keeps_the_first_instant(catalogue: Database) -> None:
    key = _key(catalogue)
    with catalogue.write(TENANT) as session:
        revoke_key(session, TENANT, key.key_id, now=NOON)
        revoke_key(session, TENANT, key.key_id, now=NOON + HOUR)
        assert session.get_one(ApiKeyRow, (TENANT, key.key_id)).revoked_at == NOON


def test_a_key_of_another_tenant_cannot_be_revoked(catalogue: Database) -> None:
    key = _key(catalogue)
    with catalogue.write("rival") as session, pytest.raises(NotFoundError):
        revoke_key(session, "rival", key.key_id, now=NOON)
    assert authenticate(catalogue, key.token, now=NOON)


@pytest.mark.parametrize("subject", [EVERYONE, Principal.parse("group:staff")])
def test_no_key_is_made_for_a_group(catalogue: Database, subject: Principal) -> None:
    with catalogue.write(TENANT) as session, pytest.raises(InvalidPrincipalError):
        create_key(session, TENANT, subject, api_scopes=[], now=NOON)
