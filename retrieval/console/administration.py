"""For administrators and auditors of a tenant: why somebody sees something, and who was shown what.

The same functions and the same API scopes as of REST: explaining asks for ``acl:admin``, exposure
for ``audit``.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Depends
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError

from acl.caller import ApiScope
from acl.errors import AclError
from retrieval.api.admin_explain import ExplainRequest
from retrieval.console.page import Page, page, refusal_of
from retrieval.console.session import HOME
from retrieval.console.visit import SignedIn, Visit, opened_by
from retrieval.explained import About, explained
from retrieval.exposure import exposure

PAGE_SIZE: Final = 25
_FIELDS: Final = ("principal", "actor", "document", "acl")

router = APIRouter(prefix=HOME, route_class=Page, include_in_schema=False)

Admin = Annotated[Visit, Depends(SignedIn(ApiScope.ACL_ADMIN))]
Auditor = Annotated[Visit, Depends(SignedIn(ApiScope.AUDIT))]


@router.get("/access", dependencies=opened_by(ApiScope.ACL_ADMIN), operation_id="explain")
def access(visit: Admin) -> Response:
    """The form."""
    return page(visit, "access.html", asked=_asked(visit), told=None, problem=None)


@router.post("/access", dependencies=opened_by(ApiScope.ACL_ADMIN), operation_id="explain")
def explain(visit: Admin) -> Response:
    """Why somebody sees a document or an ACL, or why not."""
    form = visit.sent
    form.require_only(*_FIELDS)
    asked = {name: value for name, value in _asked(visit).items() if value}
    actor = asked.pop("actor", None)
    try:
        request = ExplainRequest.model_validate({**asked, "actors": [actor] if actor else []})
        told = explained(
            visit.runtime,
            request.caller(visit.caller.tenant),
            About(request.acl, request.document),
        )
    except (AclError, ValidationError) as error:
        # Told beside the form, so that a name can be corrected; the status is that of REST.
        wrong = (
            RequestValidationError(error.errors()) if isinstance(error, ValidationError) else error
        )
        problem = refusal_of(visit.request, wrong).problem
        return page(
            visit,
            "access.html",
            status=problem.status,
            asked=_asked(visit),
            told=None,
            problem=problem,
        )
    return page(visit, "access.html", asked=_asked(visit), told=told, problem=None)


@router.get(
    "/exposure",
    dependencies=opened_by(ApiScope.AUDIT, "document", "before"),
    operation_id="exposure",
)
def exposed(visit: Auditor, document: str = "", before: str = "") -> Response:
    """Who was shown a document, newest first; without one, the form to name it."""
    asked = document.strip()
    told = (
        exposure(
            visit.runtime,
            visit.caller.tenant,
            asked,
            request_id=visit.request_id,
            limit=PAGE_SIZE,
            before=before or None,
        )
        if asked
        else None
    )
    return page(visit, "exposure.html", asked=asked, told=told)


def _asked(visit: Visit) -> dict[str, str]:
    return {name: visit.sent.one(name).strip() for name in _FIELDS}
