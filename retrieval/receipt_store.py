"""Receipts as stored: found by their id, for whom they were issued to, or for an auditor.

For a caller, one that was never issued and one that was issued to somebody else are the same
statement with the same result: nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from pydantic import ValidationError
from sqlalchemy import select

from acl.errors import NotFoundError, SignatureError
from acl.signing import verify
from retrieval.ids import well_formed
from retrieval.receipt_statement import TYP, Statement
from retrieval.receipts import stored_actors
from retrieval.records import ReceiptRow

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from acl.caller import Caller
    from retrieval.runtime import Runtime

ABSENT = "no such receipt: it does not exist, or it was not issued to you"
_log = structlog.get_logger(__name__)


def find_own(runtime: Runtime, caller: Caller, receipt_id: str) -> str:
    """The receipt, as signed, if it was issued to this very subject through these very agents.

    Raises:
        NotFoundError: there is none, or it was issued to somebody else; which, is not told.
    """
    if not well_formed(receipt_id):
        raise NotFoundError(ABSENT)
    with runtime.audit_database.read(caller.tenant) as session:
        jws = session.scalar(
            select(ReceiptRow.jws).where(
                ReceiptRow.tenant == caller.tenant,
                ReceiptRow.receipt_id == receipt_id,
                ReceiptRow.subject == str(caller.subject),
                ReceiptRow.actors == stored_actors(caller),
            )
        )
    if jws is None:
        raise NotFoundError(ABSENT)
    return jws


def find_any(runtime: Runtime, tenant: str, receipt_id: str) -> str:
    """The receipt, as signed, whoever it was issued to: for auditors of the tenant alone.

    Raises:
        NotFoundError: the tenant has none of this id.
    """
    if not well_formed(receipt_id):
        raise NotFoundError(ABSENT)
    with runtime.audit_database.read(tenant) as session:
        row = session.get(ReceiptRow, (tenant, receipt_id))
    if row is None:
        raise NotFoundError(ABSENT)
    return row.jws


def own_statement(runtime: Runtime, caller: Caller, receipt_id: str) -> Statement:
    """What one of the caller's own receipts says.

    Raises:
        NotFoundError: as :func:`find_own`; also where what is stored is not what was signed, for
            then it is no receipt.
    """
    try:
        return read(find_own(runtime, caller, receipt_id), runtime.signer.jwks())
    except SignatureError as error:
        _log.error("stored_receipt_is_not_as_signed", receipt_id=receipt_id)
        raise NotFoundError(ABSENT) from error


def read(jws: str, jwks: Mapping[str, Any]) -> Statement:
    """What a receipt says, once every byte of it is known to be as signed.

    Raises:
        SignatureError: it is not as signed, not signed by one of ``jwks``, or not a receipt of a
            version known here.
    """
    says = verify(jws, jwks, typ=TYP)
    try:
        return Statement.model_validate(says)
    except ValidationError as error:
        raise SignatureError(
            f"signed, but not a receipt that this version reads: {error.error_count()} members"
        ) from error
