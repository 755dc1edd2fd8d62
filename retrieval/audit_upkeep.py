"""The operator's side of the audit: verify it, sign where it stands, cut it, take it elsewhere.

Retention takes the receipts of the removed span along, with what they say was shown: who was shown
what is the same knowledge in other words, and keeping it would defeat the retention. A receipt that
a client holds can still be verified offline; how it stands can no longer be asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from acl.audit import files as audit_files
from acl.audit import retention as audit_retention
from acl.audit.checkpoints import Checkpoint, checkpoint_head
from acl.audit.models import AuditHeadRow, AuditRow, Stream
from acl.audit.reading import stored
from acl.audit.verify import verify
from retrieval.records import ExposureRow, ReceiptRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy.orm import Session

    from acl.audit.kinds import Format
    from acl.audit.retention import Cut
    from acl.audit.verify import Verdict
    from retrieval.runtime import Runtime


def keys_here(runtime: Runtime) -> dict[str, Any]:
    """The installation's own public keys; none where nothing was ever signed."""
    if not runtime.settings.signing_path.exists():
        return {"keys": []}  # looking for keys must not make one
    return runtime.signer.jwks()


def verify_chains(
    runtime: Runtime,
    tenant: str | None,
    *,
    jwks: Mapping[str, Any],
    checkpoints: Sequence[str] = (),
) -> Iterator[Verdict]:
    """Verify both chains of a tenant, or every chain there is or that a checkpoint knows of.

    Args:
        runtime: the installation.
        tenant: whose; None for all.
        jwks: the keys whose checkpoints count.
        checkpoints: signed statements kept elsewhere.

    Raises:
        SignatureError: a checkpoint handed in was changed, or its key is not in ``jwks``.
    """
    known = [Checkpoint.read(jws, jwks) for jws in checkpoints]
    for stream in Stream:
        database = runtime.audit_home(stream)
        if tenant is None:
            with database.unguarded("an operator verifies every tenant's audit") as session:
                tenants = _tenants(session, stream)
            tenants |= {one.tenant for one in known if one.stream == stream.value}
        else:
            tenants = {tenant}
        for name in sorted(tenants):
            with database.read(name) as session:
                yield verify(session, name, stream, jwks=jwks, checkpoints=checkpoints)


def _tenants(session: Session, stream: Stream) -> set[str]:
    """Whoever has a head or a row: either may have been removed to hide the other."""
    return {
        name
        for table in (AuditHeadRow, AuditRow)
        for name in session.scalars(
            select(table.tenant).where(table.stream == stream.value).distinct()
        )
    }


def checkpoint(runtime: Runtime, tenant: str, stream: Stream) -> str | None:
    """Sign where a chain stands; None if it is empty.

    Raises:
        SigningKeyError: there is no usable key.
    """
    with runtime.audit_home(stream).write(tenant) as session:
        return checkpoint_head(session, tenant, stream, runtime.signer, now=runtime.clock())


def plan_prune(
    runtime: Runtime,
    tenant: str,
    stream: Stream,
    *,
    before: datetime,
    checkpoints: Sequence[str] = (),
) -> Cut | None:
    """What retention would remove; None if nothing is older.

    Raises:
        BrokenChainError: the chain is not intact, so nothing of it may go.
    """
    jwks = keys_here(runtime)
    with runtime.audit_home(stream).read(tenant) as session:
        return audit_retention.plan(
            session, tenant, stream, before=before, jwks=jwks, checkpoints=checkpoints
        )


def prune(runtime: Runtime, planned: Cut, *, actor: str) -> int:
    """Remove what was planned, and the receipts of that span. Returns how many rows went.

    Raises:
        BrokenChainError: the chain changed since it was planned.
        SigningKeyError: there is no usable key.
    """
    tenant = planned.tenant
    with runtime.audit_home(planned.stream).write(tenant) as session:
        removed = audit_retention.cut(
            session, planned, signer=runtime.signer, actor=actor, now=runtime.clock()
        )
        if planned.stream is Stream.ACCESS:
            old = (ReceiptRow.tenant == tenant, ReceiptRow.at <= planned.at)
            session.execute(
                delete(ExposureRow).where(
                    ExposureRow.tenant == tenant,
                    ExposureRow.receipt_id.in_(select(ReceiptRow.receipt_id).where(*old)),
                )
            )
            session.execute(delete(ReceiptRow).where(*old))
        return removed


def export(runtime: Runtime, tenant: str, stream: Stream, path: Path, format_: Format) -> int:
    """Write a chain to a file, signed at its end. Returns the number of rows.

    Raises:
        AuditError: the format needs a library that is not installed.
        SigningKeyError: there is no usable key.
    """
    checkpoint(runtime, tenant, stream)
    database = runtime.audit_home(stream)
    with database.read(tenant) as session, stored(session, tenant, stream) as chain:
        return audit_files.write(chain, path, format_)
