"""Checking an agent's draft: do the quotes stand in the evidence, and does it support the claims?

Only evidence that the caller may see now is looked at. A citation that was never issued, belongs to
somebody else, or cites what is deleted or withheld is ``not_found``: one word, whichever it is.
What must never live here: the text of claims or evidence in what is returned or recorded.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from pydantic import Field

from ingestion.errors import EmbeddingError
from retrieval import metrics
from retrieval.account import account_for_check, require_time_for, withdraw
from retrieval.evidence import Model
from retrieval.record import record_check, rests_on
from retrieval.resilience.deadline import require_time
from retrieval.standing import rights_hold, snapshot
from retrieval.status import ReasonCode
from retrieval.stopwatch import Stopwatch
from retrieval.support_model import guarded
from retrieval.verify_evidence import chunks_of, evidence_of
from retrieval.verify_quotes import CitationResult
from retrieval.verify_request import Assertion, VerifyRequest, assertions
from retrieval.verify_verdict import Bench, CheckedClaim, Judged
from verifier.errors import SupportModelError
from verifier.policy import TrustPolicy
from verifier.support import SupportVerdict, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from acl.caller import Caller
    from retrieval.runtime import Runtime
    from retrieval.standing import Snapshot
    from retrieval.verify_evidence import Cited
    from retrieval.verify_request import Reference
    from verifier.support_model import SupportModel

__all__ = ["CitationResult", "VerifyRequest", "VerifyResponse", "verify_claims"]

_ATTEMPTS: Final = 3


class VerifyResponse(Model):
    """What the check found; neither claims nor evidence are repeated."""

    request_id: str
    model: str = Field(description="What judged support.")
    reasons: list[ReasonCode] = Field(
        default_factory=list,
        description="verifier_unavailable: the trained judge was away, and the rules judged alone.",
    )
    claims: list[CheckedClaim]
    citation_recall: float | None = Field(
        description="Share of the claims that their citations support; None without a claim."
    )
    citation_precision: float | None = Field(
        description="Share of the citations that help to support their claim: alone, or because "
        "the others do not without it. None without a citation."
    )


def verify_claims(
    runtime: Runtime, caller: Caller, request: VerifyRequest, *, request_id: str
) -> VerifyResponse:
    """Check the claims of a draft against what the caller may see now.

    As with an answer, the check is on record before it leaves, and the rights are looked at last of
    all. While they keep changing under us, nothing is found.

    Raises:
        AuditError: it could not be recorded, so it is not served.
        CatalogError, DeadlineExceededError: the catalogue is away, or time ran out.
        SupportModelError: the trained judge is away, under the policy ``withhold``.
    """
    work = partial(_verify_claims, runtime, caller, request, request_id=request_id)
    return runtime.guards.catalogue.call(work)


def _verify_claims(
    runtime: Runtime, caller: Caller, request: VerifyRequest, *, request_id: str
) -> VerifyResponse:
    """The same, without the guard around it."""
    watch = Stopwatch("verify")
    asked = list(assertions(request))
    named = chunks_of(runtime, caller, (one for claim in asked for one in claim.citations))
    ids = sorted({ident for ident in named.values() if ident is not None})
    for _ in range(_ATTEMPTS):
        before = snapshot(runtime, caller)
        watch.lap("resolve")
        pieces = evidence_of(runtime, before, ids)
        cited = {one: pieces[ident] for one, ident in named.items() if ident in pieces}
        watch.lap("fetch")
        response = _judged(runtime, asked, cited, policy=before.policy, request_id=request_id)
        watch.lap("judge")
        require_time()
        _keep(runtime, before, asked, response, cited, watch=watch)
        watch.lap("account")
        settled = rights_hold(runtime, caller, before.scope)
        watch.lap("confirm")
        if settled:
            require_time_for(runtime, caller, response)
            return response
        withdraw(runtime, caller, response)
    # The rights never settled: nothing is found, and that is on record like any other check.
    before = snapshot(runtime, caller)
    response = _judged(runtime, asked, {}, policy=before.policy, request_id=request_id)
    _keep(runtime, before, asked, response, {}, watch=watch)
    return response


def _keep(
    runtime: Runtime,
    before: Snapshot,
    asked: Sequence[Assertion],
    response: VerifyResponse,
    cited: Mapping[Reference, Cited],
    *,
    watch: Stopwatch,
) -> None:
    """Put the check on record, and its figures in the queue of those for analysts."""
    caller, view = before.scope.caller, before.resolved.view.digest
    account_for_check(runtime, caller, response, view=view, cited=cited.values())
    record_check(
        runtime,
        caller,
        response,
        sources=rests_on(asked, response, cited),
        generation=before.generation,
        view=view,
        latency_ms=watch.total(),
    )


def _judged(
    runtime: Runtime,
    asked: Sequence[Assertion],
    cited: Mapping[Reference, Cited],
    *,
    policy: TrustPolicy,
    request_id: str,
) -> VerifyResponse:
    """The verdicts, by the trained judge if it can be had.

    Raises:
        SupportModelError: it cannot, and who withholds what is in doubt wants no verdicts of less.
    """
    reasons = []
    try:
        bench = Bench.of(cited, model=guarded(runtime.guards.verifier, _loading(runtime)))
        judged = [bench.judge(one) for one in asked]
    except (SupportModelError, EmbeddingError) as error:
        if policy is TrustPolicy.WITHHOLD:
            raise SupportModelError("the trained judge of support is away") from error
        metrics.current().fallback(name=ReasonCode.VERIFIER_UNAVAILABLE)
        reasons.append(ReasonCode.VERIFIER_UNAVAILABLE)
        bench = Bench.of(cited)
        judged = [bench.judge(one) for one in asked]
    supported = [one.claim.verdict is SupportVerdict.SUPPORTED for one in judged]
    return VerifyResponse(
        request_id=request_id,
        model=name_of(bench.model),
        reasons=reasons,
        claims=[one.claim for one in judged],
        citation_recall=_share(supported),
        citation_precision=_share(_precise(judged)),
    )


def _loading(runtime: Runtime) -> Callable[[], SupportModel | None]:
    return lambda: runtime.support_model


def _precise(judged: Sequence[Judged]) -> list[bool]:
    return [helps for one in judged for helps in one.precise]


def _share(hits: Sequence[bool]) -> float | None:
    return round(sum(hits) / len(hits), 4) if hits else None
