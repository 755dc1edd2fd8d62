"""Denials in the audit: who was refused what, on every surface.

A refusal is audited if it can be attributed: the caller is established and the reply is 403
(forbidden, tenant disabled), 404 (absent or not theirs) or 422 (malformed); or a credential was
presented that matched and is good no more. Whoever holds no credential writes nothing here, because
a stranger must not be able to grow a tenant's audit: such requests are counted and logged instead.

Like everything served, a refusal leaves only when it is on record. Absent and forbidden are
recorded alike, so that the one cannot be told from the other by how long the reply takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from acl.audit.events import Event, EventKind, identity
from acl.digest import keyed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acl.caller import Caller
    from retrieval.runtime import Runtime

STATUSES: Final = frozenset({403, 404, 422})


@dataclass(frozen=True, slots=True)
class Denial:
    """A refusal.

    Attributes:
        surface: where it was given.
        operation: of what: a route's template or a tool's name, never the path as sent.
        code: the problem's code.
        request_id: of the request, empty where it is not known.
        targets: ids that were asked for; noted as keyed digests.
        fault: what was wrong with the credential, if that was it.
    """

    surface: str
    operation: str
    code: str
    request_id: str = ""
    targets: Sequence[str] = ()
    fault: str | None = None


def record_denial(runtime: Runtime, caller: Caller, denial: Denial) -> None:
    """Put a refusal on record; return when it is durable.

    Raises:
        acl.errors.AuditError: it could not be; then that is what the caller must be told.
    """
    body = {
        **identity(caller),
        "request": denial.request_id,
        "surface": denial.surface,
        "operation": denial.operation,
        "code": denial.code,
        "targets": [target_digest(runtime.secret, caller.tenant, id_) for id_ in denial.targets],
        "fault": denial.fault,
    }
    runtime.ledger.record(caller.tenant, Event(EventKind.DENIAL, body))


def target_digest(secret: bytes, tenant: str, id_: str) -> str:
    """What stands for an id that was asked for: equal for equal ids of a tenant."""
    return keyed(secret, "target", tenant, id_).hex()[:32]
