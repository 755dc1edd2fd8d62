"""Administering a tenant: each change in one transaction with its precondition and its audit row.

REST and the command line both come here; neither changes a directory in another way. The order is
always the same: stand in line, compare what is expected with what is there, change, write down who
did it, and say which version the change made.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from acl.admin import acls, directory
from acl.admin.changes import PutAcl, SetPrincipal, lines_of, perform
from acl.admin.expected import WHATEVER, Expected
from acl.admin.policy import apply_policy
from acl.admin.state import (
    AclState,
    MemberState,
    PrincipalState,
    acl_state,
    acl_states,
    etag,
    member_state,
    principal_state,
)
from acl.admin.sync import sync
from acl.audit.events import EventKind, administered
from acl.caller import NOT_NARROWED
from acl.errors import EscalationError
from acl.models import MembershipRow, PrincipalRow, Tenant
from acl.seal import acl_token

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from acl.admin.plan import Plan
    from acl.admin.policy_file import Policy
    from acl.admin.sync import SyncReport
    from acl.admin.sync_file import Listing
    from acl.caller import Caller
    from acl.entries import AclEntry, Effect
    from acl.orm import Database
    from acl.principal import Principal

MAX_AUDITED_LINES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Administrator:
    """Who administers, as the audit names them."""

    actor: str

    @classmethod
    def by(cls, caller: Caller) -> Administrator:
        """``caller``, over the network.

        Raises:
            EscalationError: the token is delegated or narrowed. It could give the agent, or whom it
                speaks for, what it is itself kept from.
        """
        if caller.actors or caller.narrowing != NOT_NARROWED:
            raise EscalationError(
                "a delegated or narrowed token administers nothing: use one of your own"
            )
        return cls(f"{caller.subject} {caller.via}".strip())


@contextmanager
def administering(
    database: Database, tenant: str, who: Administrator, *, secret: bytes, now: datetime
) -> Iterator[Administration]:
    """One transaction of changes: all of them and their audit rows, or nothing.

    Raises:
        NotFoundError: the tenant does not exist.
    """
    with database.write(tenant) as session:
        directory.lock_directory(session, tenant)
        yield Administration(session, tenant, who, secret=secret, now=now)


class Administration:
    """The changes an administrator can make, in the transaction of ``session``."""

    def __init__(
        self, session: Session, tenant: str, who: Administrator, *, secret: bytes, now: datetime
    ) -> None:
        self.session = session
        self._tenant = tenant
        self._who = who
        self._secret = secret
        self._now = now

    def token(self) -> str:
        """Stands for "as of these changes"; a query that is sent it sees them, on any replica."""
        version = self.session.scalars(
            select(Tenant.acl_version).where(Tenant.name == self._tenant)
        ).one()
        return acl_token(self._secret, self._tenant, version)

    def put_principal(
        self, principal: Principal, *, enabled: bool, expected: Expected = WHATEVER
    ) -> tuple[PrincipalState, bool]:
        """Make a principal known, switch it on or off. Returns it, and whether anything changed."""
        known = self.session.get(PrincipalRow, (self._tenant, str(principal)))
        before = None if known is None else principal_state(self.session, self._tenant, principal)
        expected.check(None if before is None else etag(before.to_dict()))
        if before is None:
            perform(
                self.session,
                self._tenant,
                [SetPrincipal(principal, enabled)],
                secret=self._secret,
                now=self._now,
            )
            changed = True
        else:
            changed = directory.set_enabled(self.session, self._tenant, principal, enabled=enabled)
        kind = EventKind.PRINCIPAL_ENABLE if enabled else EventKind.PRINCIPAL_DISABLE
        self._record(kind, changed, principal=str(principal), known=before is not None)
        return principal_state(self.session, self._tenant, principal), changed

    def add_member(
        self, group: Principal, member: Principal, *, expected: Expected = WHATEVER
    ) -> tuple[MemberState, bool]:
        """Put ``member`` into ``group``; both become known."""
        expected.check(self._member_tag(group, member))
        changed = directory.add_member(self.session, self._tenant, group, member, now=self._now)
        self._record(EventKind.MEMBER_ADD, changed, group=str(group), member=str(member))
        return member_state(self.session, self._tenant, group, member), changed

    def remove_member(
        self, group: Principal, member: Principal, *, expected: Expected = WHATEVER
    ) -> bool:
        """Take ``member`` out of ``group``. True if it was in it."""
        expected.check(self._member_tag(group, member))
        changed = directory.remove_member(self.session, self._tenant, group, member)
        self._record(EventKind.MEMBER_REMOVE, changed, group=str(group), member=str(member))
        return changed

    def put_acl(self, state: AclState, *, expected: Expected = WHATEVER) -> tuple[AclState, bool]:
        """Bring an ACL into a state. Whoever keeps it stays the same."""
        before = acl_states(self.session, self._tenant, [state.name]).get(state.name)
        expected.check(None if before is None else etag(before.to_dict()))
        wanted = replace(state, managed_by=None if before is None else before.managed_by)
        change = PutAcl(wanted, before)
        if wanted != before:
            perform(self.session, self._tenant, [change], secret=self._secret, now=self._now)
        self._record(
            EventKind.ACL_PUT,
            wanted != before,
            acl=state.name,
            **told(change.lines() if wanted != before else ()),
        )
        return acl_state(self.session, self._tenant, state.name), wanted != before

    def delete_acl(self, name: str, *, expected: Expected = WHATEVER) -> None:
        """Remove an ACL under which nothing stands."""
        before = acl_state(self.session, self._tenant, name)
        expected.check(etag(before.to_dict()))
        acls.delete_acl(self.session, self._tenant, name)
        self._record(EventKind.ACL_DELETE, True, acl=name, was=etag(before.to_dict()))

    def grant(
        self, acl: str, entry: AclEntry, *, expected: Expected = WHATEVER
    ) -> tuple[AclState, bool]:
        """Add one entry to an ACL, or change its expiry."""
        expected.check(etag(acl_state(self.session, self._tenant, acl).to_dict()))
        changed = acls.grant(self.session, self._tenant, acl, entry, now=self._now)
        expires = entry.expires_at
        self._record(
            EventKind.ACL_GRANT,
            changed,
            acl=acl,
            effect=entry.effect.value,
            principal=str(entry.principal),
            expires_at=None if expires is None else expires.isoformat(),
        )
        return acl_state(self.session, self._tenant, acl), changed

    def revoke(
        self, acl: str, effect: Effect, principal: Principal, *, expected: Expected = WHATEVER
    ) -> tuple[AclState, bool]:
        """Remove one entry from an ACL."""
        expected.check(etag(acl_state(self.session, self._tenant, acl).to_dict()))
        changed = acls.revoke(self.session, self._tenant, acl, effect, principal)
        self._record(
            EventKind.ACL_REVOKE,
            changed,
            acl=acl,
            effect=effect.value,
            principal=str(principal),
        )
        return acl_state(self.session, self._tenant, acl), changed

    def apply(self, policy: Policy) -> Plan:
        """Make groups and ACLs as a policy file says."""
        made = apply_policy(self.session, self._tenant, policy, secret=self._secret, now=self._now)
        changes = told(lines_of(made.changes))
        self._record(EventKind.ACL_APPLY, not made.empty, file=policy.file, **changes)
        return made

    def sync(self, name: str, listing: Listing, *, confirm_removals: bool) -> SyncReport:
        """Bring what a directory keeps in line with its listing."""
        report = sync(
            self.session,
            self._tenant,
            name,
            listing,
            secret=self._secret,
            now=self._now,
            confirm_removals=confirm_removals,
        )
        self._record(
            EventKind.DIRECTORY_SYNC,
            not report.plan.empty,
            directory=name,
            counts=dict(report.counts),
            held={kind.value: count for kind, count in report.held.items()},
            confirmed=confirm_removals,
            **told(lines_of(report.plan.changes)),
        )
        return report

    def _member_tag(self, group: Principal, member: Principal) -> str | None:
        row = self.session.get(MembershipRow, (self._tenant, str(member), str(group)))
        if row is None:
            return None
        return etag(MemberState(row.grp, row.member, row.managed_by).to_dict())

    def _record(self, kind: EventKind, changed: bool, **body: object) -> None:
        administered(
            self.session,
            self._tenant,
            self._who.actor,
            kind,
            {**body, "changed": changed},
            now=self._now,
        )


def told(lines: Iterable[str]) -> Mapping[str, object]:
    """Changes as the audit tells them: the first of them, how many, and the digest of all."""
    every = list(lines)
    digest = hashlib.sha256("\n".join(every).encode()).hexdigest()
    return {"changes": every[:MAX_AUDITED_LINES], "count": len(every), "sha256": digest}
