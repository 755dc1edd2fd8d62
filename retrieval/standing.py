"""Whether what an answer rests on still stands: looked at again before anything leaves.

A snapshot notes what the catalogue said at the start. :func:`still` compares it with what it says
now; :func:`rights_hold` is the last look of all, when the answer has been recorded and is about to
leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from acl.seal import require_current
from ingestion.catalog import in_flight, serving

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from acl.caller import Caller
    from acl.resolver import Resolved
    from acl.scope import AccessScope
    from retrieval.flags.state import Flags
    from retrieval.runtime import Runtime
    from verifier.policy import TrustPolicy


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the catalogue said at the start: the view, the generation, what is in flight.

    The generation is the one that answers this caller's ``question``; without one, the active one.
    The flags are the tenant's at that moment, and the policy is theirs, or else the setting.
    """

    resolved: Resolved
    generation: str | None
    excluded: frozenset[str]
    question: str | None
    flags: Flags
    policy: TrustPolicy

    @property
    def scope(self) -> AccessScope:
        """What the caller may see."""
        return self.resolved.scope

    def searched_exactly(self, limit: int) -> bool:
        """Whether the search is to be exact: up to ``limit`` places, or because a flag says so."""
        return self.flags.exact_only or self.resolved.view.occurrences <= limit


class Standing(Enum):
    """How a snapshot stands at the moment the answer is about to leave."""

    HOLDS = auto()
    CONTENT_MOVED = auto()
    RIGHTS_MOVED = auto()


def snapshot(
    runtime: Runtime,
    caller: Caller,
    *,
    question: str | None = None,
    at_least_as_fresh: str | None = None,
) -> Snapshot:
    """Resolve the caller and note the generation and what is in flight, at one moment.

    Raises:
        AclNotCurrentError: the change that ``at_least_as_fresh`` stands for has not arrived.
        InvalidSealError: it stands for nothing.
    """
    with runtime.database.read(caller.tenant) as session:
        generation = _answering(runtime, session, caller, question)
        resolved = runtime.resolver.resolve(session, caller, now=runtime.clock())
        if at_least_as_fresh is not None:
            require_current(
                runtime.secret,
                caller.tenant,
                at_least_as_fresh,
                acl_version=resolved.scope.acl_version,
            )
        excluded: frozenset[str] = frozenset()
        if generation is not None and not resolved.scope.empty:
            excluded = in_flight(session, resolved.scope, generation)
        flags = runtime.flags.at(session, caller.tenant, resolved.scope.acl_version)
    policy = flags.policy(runtime.settings.trust_policy)
    return Snapshot(resolved, generation, excluded, question, flags, policy)


def still(runtime: Runtime, caller: Caller, before: Snapshot) -> Standing:
    """Compare what the caller sees now with what they saw at the start.

    The tenant's versions are not compared: they move with the rights and the documents of others
    too, and an answer that came out differently for it would tell of them. The view digest commits
    to what this caller sees alone. The generation is read after the catalogue was; had it been
    switched before, its chunks would have been gone and the answer empty.
    """
    with runtime.database.read(caller.tenant) as session:
        now = runtime.resolver.resolve(session, caller, now=runtime.clock())
        generation = _answering(runtime, session, caller, before.question)
        same_generation = generation == before.generation
    if not same_generation or not _same_rights(before.scope, now.scope):
        return Standing.RIGHTS_MOVED
    same_content = now.view.digest == before.resolved.view.digest
    return Standing.HOLDS if same_content else Standing.CONTENT_MOVED


def rights_hold(runtime: Runtime, caller: Caller, scope: AccessScope) -> bool:
    """True iff the caller may still see exactly what ``scope`` says: the last look of all."""
    with runtime.database.read(caller.tenant) as session:
        return _same_rights(scope, runtime.resolver.scope(session, caller, now=runtime.clock()))


def switched(runtime: Runtime, caller: Caller, before: Snapshot) -> bool:
    """True iff another generation would answer now."""
    with runtime.database.read(caller.tenant) as session:
        return _answering(runtime, session, caller, before.question) != before.generation


def _answering(
    runtime: Runtime, session: Session, caller: Caller, question: str | None
) -> str | None:
    """The generation that answers a caller's question: the same one however often it is asked."""
    generations = serving(session)
    if question is None:
        return generations.active
    who = (caller.tenant, str(caller.subject), *map(str, caller.actors))
    return generations.answering(runtime.secret, *who, question)


def _same_rights(before: AccessScope, now: AccessScope) -> bool:
    return _rights(now) == _rights(before)


def _rights(scope: AccessScope) -> tuple[object, ...]:
    """What a scope admits to; a source that was switched off takes rights away like any other."""
    return scope.acl_ids, scope.sources, scope.closed
