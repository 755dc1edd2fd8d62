"""Routes of receipts: the keys to verify them, a receipt, how it stands, and who was shown what.

Keys are public: they say nothing about any tenant. A receipt is for whom it was issued to; exposure
and replay are for auditors of the tenant.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field

from acl.caller import ApiScope, Caller
from retrieval import exposure as exposures
from retrieval.api.auth import JWKS_PATH, PROBLEMS, Authorised, guarded
from retrieval.api.boundary import request_id_of
from retrieval.api.routes import MAX_ID_CHARS, Retriever, RuntimeOf
from retrieval.evidence import Model
from retrieval.exposure import ExposureResponse, exposure
from retrieval.receipt_replay import Replay, replay
from retrieval.receipt_status import ReceiptStatusResponse, receipt_status
from retrieval.receipt_store import find_any, find_own, read

public = APIRouter()
router = APIRouter(prefix="/v1", responses=PROBLEMS)

Auditor = Annotated[Caller, Depends(Authorised(ApiScope.AUDIT))]
Id = Annotated[str, Path(max_length=MAX_ID_CHARS)]


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list: at most ``limit``, issued before the receipt ``before``."""

    limit: Annotated[int, Query(ge=1, le=exposures.MAX_LIMIT)] = exposures.DEFAULT_LIMIT
    before: Annotated[str | None, Query(max_length=MAX_ID_CHARS)] = None


class PublicKey(BaseModel):
    """One key (RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: str = Field(description="Its thumbprint (RFC 7638).")
    alg: Literal["EdDSA"]
    use: Literal["sig"]


class PublicKeys(BaseModel):
    """A JWK set (RFC 7517)."""

    keys: list[PublicKey]


class ReceiptResponse(Model):
    """A receipt, as signed."""

    request_id: str
    receipt_id: str
    receipt: str = Field(description="Compact JWS. Keep it as it is: every byte counts.")


class ReplayResponse(Model):
    """A receipt, and its evidence made again."""

    request_id: str
    receipt: str
    replay: Replay


@public.get(JWKS_PATH, operation_id="jwks")
def jwks(request: Request) -> PublicKeys:
    """Every key that ever signed a receipt here, to verify them with."""
    return PublicKeys.model_validate(request.app.state.runtime.signer.jwks())


@router.get(
    "/receipts/{receipt_id}", dependencies=guarded(ApiScope.RETRIEVE), operation_id="get_receipt"
)
def receipt_by_id(
    receipt_id: Id, caller: Retriever, runtime: RuntimeOf, request: Request
) -> ReceiptResponse:
    """One of the caller's own receipts; for a token with the scope audit, any of the tenant."""
    if ApiScope.AUDIT in caller.api_scopes:
        jws = find_any(runtime, caller.tenant, receipt_id)
    else:
        jws = find_own(runtime, caller, receipt_id)
    return ReceiptResponse(request_id=request_id_of(request), receipt_id=receipt_id, receipt=jws)


@router.get(
    "/receipts/{receipt_id}/status",
    dependencies=guarded(ApiScope.RETRIEVE),
    operation_id="receipt_status",
)
def status_of_receipt(
    receipt_id: Id, caller: Retriever, runtime: RuntimeOf, request: Request
) -> ReceiptStatusResponse:
    """Whether what one of the caller's own receipts cites still holds, as far as they may see."""
    return receipt_status(runtime, caller, receipt_id, request_id=request_id_of(request))


@router.get(
    "/receipts/{receipt_id}/replay",
    dependencies=guarded(ApiScope.AUDIT),
    operation_id="replay_receipt",
)
def replay_of_receipt(
    receipt_id: Id, caller: Auditor, runtime: RuntimeOf, request: Request
) -> ReplayResponse:
    """The evidence of any receipt of the tenant, made again from what was cited."""
    jws = find_any(runtime, caller.tenant, receipt_id)
    replayed = replay(runtime, read(jws, runtime.signer.jwks()))
    return ReplayResponse(request_id=request_id_of(request), receipt=jws, replay=replayed)


@router.get(
    "/exposure/{document_id}",
    dependencies=guarded(ApiScope.AUDIT, parameters=("limit", "before")),
    operation_id="exposure",
)
def exposure_of_document(
    document_id: Id,
    page: Annotated[Page, Depends(Page)],
    caller: Auditor,
    runtime: RuntimeOf,
    request: Request,
) -> ExposureResponse:
    """Who was shown a document of the tenant, newest first, and what a correction concerns."""
    return exposure(
        runtime,
        caller.tenant,
        document_id,
        request_id=request_id_of(request),
        limit=page.limit,
        before=page.before,
    )
