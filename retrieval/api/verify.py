"""Routes for after the answer: checking a draft against its evidence, and saying what helped."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from acl.caller import ApiScope, Caller
from retrieval import observed
from retrieval.api.auth import PROBLEMS, Authorised, guarded
from retrieval.api.boundary import request_id_of
from retrieval.api.problems import MEDIA_TYPE
from retrieval.api.routes import SURFACE, Retriever, RuntimeOf
from retrieval.feedback import FeedbackRequest, FeedbackResponse, give_feedback
from retrieval.limits.web import Verifying
from retrieval.verify import VerifyRequest, VerifyResponse, verify_claims
from retrieval.verify_request import claims_in

router = APIRouter(prefix="/v1", responses=PROBLEMS)

Verifier = Annotated[Caller, Depends(Authorised(ApiScope.VERIFY))]


@router.post("/verify", dependencies=guarded(ApiScope.VERIFY), operation_id="verify_claims")
def verify(
    body: VerifyRequest, caller: Verifier, runtime: RuntimeOf, ticket: Verifying, request: Request
) -> VerifyResponse:
    """Whether claims are supported by the evidence they cite, as far as the caller may see it."""
    ticket.claims(claims_in(body))
    return observed.check(
        SURFACE,
        lambda: verify_claims(runtime, caller, body, request_id=request_id_of(request)),
    )


@router.post(
    "/feedback",
    dependencies=guarded(ApiScope.RETRIEVE),
    operation_id="give_feedback",
    responses={
        404: {
            "description": "There is no such answer or evidence, or not for this caller",
            "content": {MEDIA_TYPE: {}},
        }
    },
)
def feedback(
    body: FeedbackRequest, caller: Retriever, runtime: RuntimeOf, request: Request
) -> FeedbackResponse:
    """Say whether an answer, or one piece of evidence, was useful. The latest word counts."""
    return give_feedback(runtime, caller, body, request_id=request_id_of(request))
