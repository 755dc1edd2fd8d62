"""The single place where an error becomes an HTTP status, a code and words for the caller.

Answers are RFC 9457 ``application/problem+json``. A row either passes the error's own message on,
because that message was written for whoever sent the request, or replaces it by fixed words: for
everything absent or forbidden (one reply for both, byte for byte, request id aside) and for
everything that went wrong on our side (an exception's text may quote what it was working on).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DataError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from acl.conditions import InvalidConditionError
from acl.errors import (
    AclError,
    AclInUseError,
    AclNotCurrentError,
    AuditError,
    EscalationError,
    InvalidAclError,
    InvalidPrincipalError,
    InvalidSealError,
    InvalidTokenError,
    LockLostError,
    MissingScopeError,
    NotFoundError,
    PreconditionFailedError,
    PreconditionMissingError,
    ScopeTooLargeError,
    SpentKeyError,
    TenantDisabledError,
)
from ingestion.errors import (
    AclFileError,
    AclNotUsableError,
    BudgetStoreError,
    BusyError,
    CatalogError,
    EmbeddingError,
    IdempotencyConflictError,
    IndexOutdatedError,
    IndexUnavailableError,
    IngestionError,
    InvalidFlagError,
    ParseError,
    ParserUnavailableError,
    QuotaExceededError,
    ReadOnlyError,
    RefusedForNowError,
    RunBusyError,
    SourceError,
    SwitchedOffError,
    WorkersLostError,
)
from retrieval.console.errors import CrossSiteError
from verifier.errors import QuoteTooLongError, SupportModelError, VerifierError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:problem-type:clearance:"
OUR_SIDE: Final = 500
"""Statuses from here on are our fault, and worth a line in the log."""
MAX_NAMED_FIELDS: Final = 20
MAX_FIELD_CHARS: Final = 80


class FieldError(BaseModel):
    """One field of the request that was refused; the value sent is not repeated."""

    field: str = Field(description="Where in the request, such as body.limit.")
    message: str


class Problem(BaseModel):
    """The body of every reply that is not a success (RFC 9457)."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(description="A URN made of the code.")
    title: str
    status: int
    code: str = Field(description="What programs branch on; stable across versions.")
    detail: str
    request_id: str
    errors: list[FieldError] | None = Field(
        default=None, description="Only with invalid_request: each field that was refused."
    )


@dataclass(frozen=True, slots=True)
class Row:
    """How one class of errors is answered.

    Attributes:
        status: the HTTP status.
        code: the stable code; None takes the error's own.
        title: the same for every occurrence.
        detail: fixed words; None passes the error's own message on.
        headers: further response headers.
    """

    status: int
    code: str | None
    title: str
    detail: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


_RETRY: Final = {"Retry-After": "1"}
_REALM: Final = 'Bearer realm="clearance"'

NOT_FOUND: Final = Row(
    404, "not_found", "Not found", "It does not exist, or this caller may not see it."
)
INTERNAL: Final = Row(
    500,
    "internal_error",
    "Internal error",
    "Something went wrong on our side. Give the request id to whoever runs the service.",
)
_CATALOG: Final = Row(
    503,
    "catalog_unavailable",
    "Catalogue unavailable",
    "The catalogue does not answer, so nothing can be served. Try again shortly.",
    _RETRY,
)

TABLE: Final[Mapping[type[BaseException], Row]] = {
    # acl
    InvalidTokenError: Row(401, None, "Unauthenticated", headers={"WWW-Authenticate": _REALM}),
    MissingScopeError: Row(
        403,
        None,
        "Forbidden",
        headers={"WWW-Authenticate": f'{_REALM}, error="insufficient_scope"'},
    ),
    EscalationError: Row(403, None, "Forbidden"),
    SpentKeyError: Row(409, None, "Key spent"),
    TenantDisabledError: Row(403, None, "Tenant disabled"),
    InvalidSealError: Row(422, None, "Invalid request"),
    AclNotCurrentError: Row(
        503,
        None,
        "Not current yet",
        "A change of rights has not arrived here yet; try again shortly.",
        _RETRY,
    ),
    AuditError: Row(
        503,
        None,
        "Audit unavailable",
        "What is served must be on record first, and the record cannot be written. Try again.",
        _RETRY,
    ),
    ScopeTooLargeError: Row(403, None, "Too many ACLs visible"),
    NotFoundError: NOT_FOUND,
    InvalidConditionError: Row(422, None, "Invalid request"),
    InvalidPrincipalError: Row(422, None, "Invalid principal"),
    InvalidAclError: Row(422, None, "Invalid ACL"),
    AclInUseError: Row(409, None, "ACL in use"),
    PreconditionMissingError: Row(428, None, "Precondition required"),
    PreconditionFailedError: Row(412, None, "Precondition failed"),
    CrossSiteError: Row(403, None, "Form of another site"),
    LockLostError: Row(
        503,
        None,
        "Lock lost",
        "Somebody else may write now, so nothing more was written; try again shortly.",
        _RETRY,
    ),
    AclError: INTERNAL,
    # ingestion
    ParseError: Row(422, None, "Unreadable document"),
    ParserUnavailableError: Row(
        503,
        None,
        "Parser unavailable",
        "No process that reads documents can be started; try again shortly.",
        _RETRY,
    ),
    WorkersLostError: Row(
        503, None, "Workers lost", "The workers of an engine cannot be had; try again.", _RETRY
    ),
    AclFileError: Row(422, None, "Unusable ACL file"),
    AclNotUsableError: Row(422, None, "Unusable ACL"),
    IdempotencyConflictError: Row(422, None, "Key used before"),
    SourceError: Row(502, None, "Source unreadable", "The source could not be read."),
    CatalogError: _CATALOG,
    IndexUnavailableError: Row(
        503,
        None,
        "Index unavailable",
        "The index does not answer. Nothing is lost; try again shortly.",
        _RETRY,
    ),
    IndexOutdatedError: Row(503, None, "Index outdated"),
    EmbeddingError: Row(
        503, None, "Embedder unavailable", "The question could not be embedded.", _RETRY
    ),
    RunBusyError: Row(409, None, "Busy"),
    BusyError: Row(
        503, None, "Busy", "Another process holds what this needs; try again shortly.", _RETRY
    ),
    QuotaExceededError: Row(429, None, "Quota exceeded"),
    BudgetStoreError: Row(503, None, "Budget unavailable"),
    RefusedForNowError: Row(503, None, "Overloaded"),
    InvalidFlagError: Row(422, None, "Invalid flag"),
    ReadOnlyError: Row(503, None, "Read-only", headers={"Retry-After": "60"}),
    SwitchedOffError: Row(503, None, "Switched off"),
    IngestionError: INTERNAL,
    # verifier
    QuoteTooLongError: Row(422, None, "Quote too long"),
    SupportModelError: Row(
        503,
        "verifier_unavailable",
        "Verifier unavailable",
        "The trained judge of support does not answer, and this tenant wants no verdicts without "
        "it. Try again shortly.",
        _RETRY,
    ),
    VerifierError: INTERNAL,
    # what libraries raise
    # A text that no name can be, such as one with a NUL: PostgreSQL refuses even to look for it.
    DataError: Row(
        422,
        "invalid_request",
        "Invalid request",
        "A value in the request cannot be stored, so nothing has it for a name: check it.",
    ),
    PoolTimeoutError: Row(
        503,
        "catalog_busy",
        "Catalogue busy",
        "All connections to the catalogue are in use. Nothing is lost; try again shortly.",
        _RETRY,
    ),
    SQLAlchemyError: _CATALOG,
    TimeoutError: Row(504, "deadline_exceeded", "Deadline exceeded", "Time ran out."),
}
"""The nearest class in an error's ancestry decides; what is not here at all is our mistake."""

_BY_STATUS: Final[Mapping[int, Row]] = {
    400: Row(400, "invalid_request", "Invalid request", "The body could not be read as JSON."),
    404: NOT_FOUND,
    405: Row(405, "method_not_allowed", "Method not allowed", "See the Allow header."),
    413: Row(413, "payload_too_large", "Payload too large", "Send a smaller body."),
    415: Row(
        415,
        "unsupported_media_type",
        "Unsupported media type",
        "Send the body as application/json.",
    ),
}


def kinds() -> dict[tuple[int, str], Row]:
    """Every problem there is, by status and code."""
    rows = {(row.status, row.code or _own_code(kind)): row for kind, row in TABLE.items()}
    rows |= {(row.status, str(row.code)): row for row in _BY_STATUS.values()}
    rows[422, "invalid_request"] = Row(422, "invalid_request", "Invalid request")
    return rows


def _own_code(kind: type[BaseException]) -> str:
    return str(getattr(kind, "code", None) or getattr(kind, "default_code", ""))


HANDLED: Final[tuple[type[Exception], ...]] = (
    AclError,
    IngestionError,
    VerifierError,
    SQLAlchemyError,
    TimeoutError,
    HTTPException,
    RequestValidationError,
)
"""The roots for which the web framework asks this module; anything else ends at the boundary."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A problem and the response headers that go with it."""

    problem: Problem
    headers: Mapping[str, str]


def refuse(error: BaseException, *, request_id: str) -> Refusal:
    """The reply to a request that ended in ``error``."""
    if isinstance(error, RequestValidationError):
        return Refusal(refuse_fields(error.errors(), request_id=request_id), {})
    row, own_headers = _row(error)
    code = row.code or str(getattr(error, "code", INTERNAL.code))
    problem = Problem(
        type=TYPE_PREFIX + code,
        title=row.title,
        status=row.status,
        code=code,
        detail=str(error) if row.detail is None else row.detail,
        request_id=request_id,
    )
    return Refusal(problem, {**own_headers, **row.headers})


def _row(error: BaseException) -> tuple[Row, Mapping[str, str]]:
    if isinstance(error, HTTPException):
        return _BY_STATUS.get(error.status_code, INTERNAL), error.headers or {}
    own = {"Retry-After": str(error.retry_after)} if isinstance(error, RefusedForNowError) else {}
    for kind in type(error).__mro__:
        if kind in TABLE:
            return TABLE[kind], own
    return INTERNAL, {}


def refuse_fields(errors: Sequence[Mapping[str, Any]], *, request_id: str) -> Problem:
    """The ``invalid_request`` problem for what a validator found.

    Args:
        errors: as pydantic's ``errors()`` lists them. Fields are named, values are not repeated.
        request_id: of the request refused.
    """
    named = [
        FieldError(field=_shown(error["loc"]), message=_said(error))
        for error in errors[:MAX_NAMED_FIELDS]
    ]
    return Problem(
        type=TYPE_PREFIX + "invalid_request",
        title="Invalid request",
        status=422,
        code="invalid_request",
        detail="; ".join(f"{error.field}: {error.message}" for error in named),
        request_id=request_id,
        errors=named,
    )


def _said(error: Mapping[str, Any]) -> str:
    """What is wrong with a field, and the remedy."""
    if error.get("type") == "extra_forbidden":
        return "there is no such field: correct its name, or leave it out"
    return str(error["msg"]).removeprefix("Value error, ")


def _shown(location: Sequence[object]) -> str:
    """Where in the request, short and printable: an unknown field's name is the sender's text."""
    path = ".".join(str(part) for part in location)
    return "".join(char if char.isprintable() else "?" for char in path)[:MAX_FIELD_CHARS]
