"""Under which ACL a pushed document comes: entries it brings along, or the name of one.

Entries become an anonymous ACL of the source: content-addressed, so that equal entries are one ACL
and a changed list is another, which never changes what other documents stand under. A name is good
if the source keeps that ACL or an operator has listed it for the source. Anything else is refused
in one wording, whether it exists or not: a pusher must neither place documents among those that
somebody else vouches for, nor find out what there is.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final, TypeAlias

from sqlalchemy import select

from acl.admin.state import AclState, entry_dict
from acl.entries import AclEntry, Effect
from acl.models import AclRow
from acl.orm import batches
from acl.principal import Principal
from ingestion.documents import AclEntrySpec, AclSpec
from ingestion.errors import AclNotUsableError

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.orm import Session

PushedAcl: TypeAlias = AclSpec | str
"""An anonymous ACL, or the name of one that the source may use."""

_DIGEST_CHARS: Final = 32


def anonymous(source: str, entries: tuple[AclEntrySpec, ...]) -> AclSpec:
    """The ACL of exactly these entries within a source. Without any, it admits nobody.

    Raises:
        acl.errors.InvalidPrincipalError: an entry names nobody that could exist.
        acl.errors.InvalidAclError: a principal stands twice with one effect, or an expiry has no
            time zone.
    """
    parsed = [
        AclEntry(Effect(entry.effect), Principal.parse(entry.principal), entry.expires_at)
        for entry in entries
    ]
    state = AclState.of_entries("", parsed)
    lists = {effect.value: [entry_dict(entry) for entry in state.of(effect)] for effect in Effect}
    written = json.dumps(lists, sort_keys=True, separators=(",", ":")).encode()
    digest = hashlib.sha256(written).hexdigest()[:_DIGEST_CHARS]
    return AclSpec(f"push:{source}:{digest}", None, inherit=True, entries=entries)


def usable(
    session: Session, tenant: str, source: str, names: Collection[str], listed: Collection[str]
) -> dict[str, str]:
    """Ids, by name, of those of ``names`` that the source may use.

    Args:
        session: of the tenant.
        tenant: whose ACLs.
        source: kept by it, an ACL is its to use.
        names: as pushed.
        listed: what an operator lets the source use besides.
    """
    found: dict[str, str] = {}
    for some in batches(sorted(set(names))):
        rows = session.execute(
            select(AclRow.id, AclRow.name, AclRow.managed_by).where(
                AclRow.tenant == tenant, AclRow.name.in_(some)
            )
        )
        found.update(
            (name, ident) for ident, name, keeper in rows if keeper == source or name in listed
        )
    return found


def not_usable() -> AclNotUsableError:
    """The refusal of a name, the same whether such an ACL exists or not."""
    return AclNotUsableError(
        "acl: this source may not use an ACL of that name: give entries instead, or have an "
        "operator list it for the source"
    )
