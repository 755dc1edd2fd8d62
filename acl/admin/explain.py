"""Why somebody sees what stands under an ACL, or why not: for ACL administrators only.

The verdict is the decision itself, :func:`acl.resolve.resolve`; here are its reasons, read along
the ways that lead to it. Where the two disagree, that is a mistake of ours and said as one. What
must never happen: an explanation for somebody who may not administer ACLs, because it tells what
exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from acl import reach, switches
from acl.admin.chain import Link, chain_of, entries_naming
from acl.admin.ways import Ways, ways_of
from acl.caller import GroupsFrom
from acl.entries import AclEntry, Effect
from acl.errors import AclError, ScopeTooLargeError, TenantDisabledError
from acl.resolve import DEFAULT_MAX_ACLS, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from acl.caller import Caller
    from acl.principal import Principal


class Cause(StrEnum):
    """Why something is refused; the value is stable."""

    TENANT_DISABLED = "tenant_disabled"
    TOO_MANY_ACLS = "too_many_acls"
    UNKNOWN_PRINCIPAL = "unknown_principal"
    PRINCIPAL_DISABLED = "principal_disabled"
    NOT_GRANTED = "not_granted"
    GRANT_EXPIRED = "grant_expired"
    GROUP_DISABLED = "group_disabled"
    DENIED = "denied"
    PURPOSE = "purpose"
    ACL_STALE = "acl_stale"
    NARROWED_AWAY = "narrowed_away"
    SOURCE_OFF = "source_off"


class Role(StrEnum):
    """In which role somebody takes part in a call; each must be admitted alone."""

    SUBJECT = "subject"
    ACTOR = "actor"


@dataclass(frozen=True, slots=True)
class Step:
    """One entry that concerns somebody, and the way it does.

    Attributes:
        entry: what it says.
        acl: on which ACL it stands.
        through: from the principal over its groups to the one the entry names.
        inherited: the ACLs from there down to the one asked about; that one alone if it is its own.
        counts: whether it decides anything; a spent allow does not.
        cause: why not.
    """

    entry: AclEntry
    acl: str
    through: tuple[str, ...]
    inherited: tuple[str, ...]
    counts: bool
    cause: Cause | None = None

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        expires = self.entry.expires_at
        return {
            "effect": self.entry.effect.value,
            "principal": str(self.entry.principal),
            "expires_at": None if expires is None else expires.isoformat(),
            "acl": self.acl,
            "through": list(self.through),
            "inherited": list(self.inherited),
            "counts": self.counts,
            "cause": self.cause,
        }


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of refusal, in words."""

    cause: Cause
    message: str

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {"cause": self.cause.value, "message": self.message}


@dataclass(frozen=True, slots=True)
class Part:
    """What one of those who take part in the call is admitted to, alone.

    Attributes:
        principal: who.
        role: subject or actor.
        steps: every entry of the chain that concerns them, those that count first.
        reasons: why they are refused; none if they are admitted.
    """

    principal: Principal
    role: Role
    steps: tuple[Step, ...]
    reasons: tuple[Reason, ...]

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {
            "principal": str(self.principal),
            "role": self.role.value,
            "admitted": not self.reasons,
            "steps": [step.to_dict() for step in self.steps],
            "reasons": [reason.to_dict() for reason in self.reasons],
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision about one ACL (and one source, if a document is asked about), with its reasons.

    Attributes:
        visible: the decision.
        acl: the name of the ACL.
        chain: it and what it inherits from, nearest first.
        parts: subject and actors, each alone.
        reasons: of refusal; those of the parts included. None if and only if visible.
        at: when this was so.
    """

    visible: bool
    acl: str
    chain: tuple[str, ...]
    parts: tuple[Part, ...]
    reasons: tuple[Reason, ...]
    at: datetime

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {
            "visible": self.visible,
            "acl": self.acl,
            "chain": list(self.chain),
            "parts": [part.to_dict() for part in self.parts],
            "reasons": [reason.to_dict() for reason in self.reasons],
            "at": self.at.isoformat(),
        }


def explain(
    session: Session,
    caller: Caller,
    acl_id: str,
    *,
    now: datetime,
    source: str | None = None,
    max_acls: int = DEFAULT_MAX_ACLS,
) -> Explanation:
    """Whether ``caller`` sees what stands under an ACL at ``now``, and why.

    Args:
        session: of the caller's tenant.
        caller: the person with the agents and the narrowing to be considered.
        acl_id: the ACL asked about.
        now: aware UTC.
        source: of the document asked about; None to ask about the ACL alone.
        max_acls: as of :func:`acl.resolve.resolve`.

    Raises:
        NotFoundError: there is no such tenant or ACL.
    """
    chain = chain_of(session, caller.tenant, acl_id)
    visible, general = _decide(session, caller, acl_id, source, now=now, max_acls=max_acls)
    general += _whole(session, caller, chain, source, now)
    parts = tuple(
        _part(session, caller, one, chain, now)
        for one in (
            (Role.SUBJECT, caller.subject),
            *((Role.ACTOR, actor) for actor in caller.actors),
        )
    )
    reasons = (*general, *(reason for part in parts for reason in part.reasons))
    if visible != (not reasons):
        raise AclError("explain: the decision and its reasons disagree; please report this")
    names = tuple(link.name for link in chain)
    return Explanation(visible, names[0], names, parts, reasons, now)


def _decide(
    session: Session,
    caller: Caller,
    acl_id: str,
    source: str | None,
    *,
    now: datetime,
    max_acls: int,
) -> tuple[bool, list[Reason]]:
    try:
        scope = resolve(session, caller, now=now, max_acls=max_acls)
    except TenantDisabledError:
        return False, [Reason(Cause.TENANT_DISABLED, "the tenant is switched off")]
    except ScopeTooLargeError as error:
        return False, [Reason(Cause.TOO_MANY_ACLS, str(error))]
    if source is None:
        return acl_id in scope.acl_ids, []
    return scope.permits(caller.tenant, acl_id, source), []


def _whole(
    session: Session, caller: Caller, chain: Sequence[Link], source: str | None, now: datetime
) -> list[Reason]:
    """What refuses the call as a whole: narrowing, purposes, ACLs too old to trust."""
    reasons = []
    narrowing = caller.narrowing
    if source is not None and source in switches.sources_off(session, caller.tenant):
        reasons.append(Reason(Cause.SOURCE_OFF, f"operators have switched the source {source} off"))
    if source is not None and narrowing.sources is not None and source not in narrowing.sources:
        message = f"the token is narrowed to other sources than {source}"
        reasons.append(Reason(Cause.NARROWED_AWAY, message))
    if narrowing.acls is not None and chain[0].id not in reach.below(
        session, caller.tenant, narrowing.acls
    ):
        message = f"the token is narrowed to other ACLs than {chain[0].name} and those above it"
        reasons.append(Reason(Cause.NARROWED_AWAY, message))
    if narrowing.purpose is not None:
        reasons += [
            Reason(
                Cause.PURPOSE,
                f"the token is for {narrowing.purpose}; {link.name} admits only tokens for "
                f"{', '.join(sorted(link.purposes))}",
            )
            for link in chain
            if link.purposes and narrowing.purpose not in link.purposes
        ]
    outdated, _ = reach.outdated(session, caller.tenant, now)
    reasons += [
        Reason(Cause.ACL_STALE, f"{link.name}: {link.managed_by} has not confirmed it in time")
        for link in chain
        if link.managed_by in outdated
    ]
    return reasons


def _part(
    session: Session,
    caller: Caller,
    one: tuple[Role, Principal],
    chain: Sequence[Link],
    now: datetime,
) -> Part:
    role, principal = one
    ways = ways_of(
        session,
        caller.tenant,
        principal,
        # What the token asserts, it asserts of its subject.
        asserted=caller.groups if role is Role.SUBJECT else frozenset(),
        groups_from=caller.groups_from if role is Role.SUBJECT else GroupsFrom.DIRECTORY,
    )
    if not ways.known:
        reason = Reason(Cause.UNKNOWN_PRINCIPAL, f"{principal} is unknown in this tenant")
        return Part(principal, role, (), (reason,))
    if not ways.enabled:
        reason = Reason(Cause.PRINCIPAL_DISABLED, f"{principal} is switched off")
        return Part(principal, role, (), (reason,))
    steps = sorted(
        _steps(session, caller.tenant, ways, chain, now),
        key=lambda step: (not step.counts, step.entry.effect, len(step.through), step.through),
    )
    return Part(principal, role, tuple(steps), tuple(_refusals(principal, steps, chain)))


def _steps(
    session: Session, tenant: str, ways: Ways, chain: Sequence[Link], now: datetime
) -> Iterator[Step]:
    names = {link.id: link.name for link in chain}
    order = [link.id for link in chain]
    for acl_id, entry in entries_naming(session, tenant, order, ways.every):
        name = str(entry.principal)
        expired = entry.expires_at is not None and entry.expires_at <= now
        off = entry.effect is Effect.ALLOW and name not in ways.live
        cause = Cause.GRANT_EXPIRED if expired else Cause.GROUP_DISABLED if off else None
        yield Step(
            entry=entry,
            acl=names[acl_id],
            through=(ways.every if off or entry.effect is Effect.DENY else ways.live)[name],
            inherited=tuple(names[one] for one in reversed(order[: order.index(acl_id) + 1])),
            counts=cause is None,
            cause=cause,
        )


def _refusals(
    principal: Principal, steps: Sequence[Step], chain: Sequence[Link]
) -> Iterator[Reason]:
    counting = [step for step in steps if step.counts]
    for step in counting:
        if step.entry.effect is Effect.DENY:
            yield Reason(
                Cause.DENIED,
                f"{step.acl} denies {step.entry.principal}: {' → '.join(step.through)}",
            )
    if any(step.entry.effect is Effect.ALLOW for step in counting):
        return
    spent = [step for step in steps if step.entry.effect is Effect.ALLOW]
    for step in spent:
        if step.cause is Cause.GRANT_EXPIRED and step.entry.expires_at is not None:
            when = step.entry.expires_at.isoformat()
            message = f"{step.acl} allowed {step.entry.principal} until {when}"
        else:
            message = (
                f"{step.acl} allows {step.entry.principal}, but something on the way is "
                f"switched off: {' → '.join(step.through)}"
            )
        yield Reason(step.cause or Cause.NOT_GRANTED, message)
    if not spent:
        on = ", ".join(link.name for link in chain)
        yield Reason(Cause.NOT_GRANTED, f"nothing on {on} allows {principal} or a group above")
