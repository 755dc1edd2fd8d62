"""Feedback: what a caller says of an answer, or of one piece of it.

Only of what was theirs: a receipt issued to them, or a chunk they may see now. Anything else is the
same refusal, whether it exists or not. Each caller has one opinion of each thing, the latest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from sqlalchemy.dialects import postgresql, sqlite

from acl.digest import keyed
from acl.errors import NotFoundError
from ingestion.catalog import locate
from retrieval.evidence import Model
from retrieval.ids import well_formed
from retrieval.pipeline import recheck
from retrieval.receipt_store import find_own
from retrieval.records import FeedbackRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from acl.caller import Caller
    from retrieval.runtime import Runtime

MAX_COMMENT_CHARS = 1_000
_ABSENT = "no such receipt or evidence: it does not exist, or is not yours to judge"
_KEY = ("tenant", "about", "target_id", "caller_digest")

_Id = Annotated[str, StringConstraints(min_length=1, max_length=128)]
_Comment = Annotated[
    str,
    StringConstraints(max_length=MAX_COMMENT_CHARS, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$"),
]


class FeedbackRequest(BaseModel):
    """``POST /v1/feedback``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    receipt_id: _Id | None = Field(default=None, description="Of an answer as a whole.")
    chunk_id: _Id | None = Field(default=None, description="Of one piece of evidence.")
    useful: bool = Field(strict=True, description="Whether it helped.")
    comment: _Comment | None = Field(
        default=None, description="In your words. Kept as written, for analysts."
    )

    @model_validator(mode="after")
    def _name_one_thing(self) -> FeedbackRequest:
        if (self.receipt_id is None) == (self.chunk_id is None):
            raise ValueError("give receipt_id or chunk_id, and not both")
        return self


class FeedbackResponse(Model):
    """It is kept."""

    request_id: str
    status: Literal["recorded"] = "recorded"


def give_feedback(
    runtime: Runtime, caller: Caller, request: FeedbackRequest, *, request_id: str
) -> FeedbackResponse:
    """Keep what the caller says; said again, it replaces what they said before.

    Raises:
        NotFoundError: it does not exist, or is not theirs; which, is not told.
    """
    if request.receipt_id is not None:
        find_own(runtime, caller, request.receipt_id)
    elif not _sees(runtime, caller, request.chunk_id or ""):
        raise NotFoundError(_ABSENT)
    tenant = caller.tenant
    who = keyed(runtime.secret, "caller", tenant, str(caller.subject), *map(str, caller.actors))
    values = {
        "tenant": tenant,
        "about": "receipt" if request.receipt_id is not None else "chunk",
        "target_id": request.receipt_id or request.chunk_id,
        "caller_digest": who.hex()[:32],
        "at": runtime.clock(),
        "useful": request.useful,
        "comment": request.comment,
    }
    with runtime.audit_database.write(tenant) as session:
        _put(session, values)
    return FeedbackResponse(request_id=request_id)


def _sees(runtime: Runtime, caller: Caller, chunk_id: str) -> bool:
    if not well_formed(chunk_id):
        return False
    with runtime.database.read(caller.tenant) as session:
        scope = runtime.resolver.resolve(session, caller, now=runtime.clock()).scope
        found = locate(session, scope, [chunk_id]).get(chunk_id)
    return found is not None and recheck(scope, found[1])


def _put(session: Session, values: Mapping[str, object]) -> None:
    """Insert, or replace what the same caller said of the same thing: two at once both succeed."""
    upsert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    changed = {name: value for name, value in values.items() if name not in _KEY}
    session.execute(
        upsert(FeedbackRow).on_conflict_do_update(index_elements=list(_KEY), set_=changed),
        dict(values),
    )
