"""What a receipt says: the signed payload, as a model that refuses whatever it does not know.

Names and hashes are spelled as in the response, so that the two can be laid side by side. Members
that say nothing are left out. ``docs/receipts.md`` explains each.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from retrieval.status import Action, Status

TYP: Final = "clearance-receipt+jwt"
VERSION: Final = 1

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Part(BaseModel):
    """Base of every part of a receipt."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Cited(Part):
    """One piece of evidence that was shown: where it stands, and what exactly was shown.

    Without ``served_sha256``, the passage was served as it stands. Neighbours, shown beside a piece
    that was asked for by its id, carry neither freshness nor the hash of the span: they have both
    from the piece beside them.
    """

    chunk_id: str
    document_id: str
    source: str
    version: int
    page: int | None = None
    start: int
    end: int
    text_sha256: Sha256 | None = None
    source_sha256: Sha256
    served_sha256: Sha256 | None = None
    state: str | None = None
    checked_at: int | None = None
    verdict: str


class Narrowed(Part):
    """What the token itself took away from the view."""

    sources: list[str] | None = None
    acls: list[str] | None = None


class Versions(Part):
    """What made the answer; nothing that depends on any document."""

    software: str
    sanitiser: str


class Statement(Part):
    """The payload of a receipt. Times are seconds since 1970, as in every JWT."""

    v: Literal[1]
    jti: str
    iss: str
    iat: int
    tenant: str
    sub: str
    act: list[str] = Field(default_factory=list)
    purpose: str | None = None
    narrowing: Narrowed | None = None
    query: str | None = None
    view: str
    status: Annotated[Status, Field(strict=False)] | None = None
    action: Annotated[Action, Field(strict=False)] | None = None
    citations: list[Cited]
    versions: Versions

    def payload(self) -> dict[str, Any]:
        """The statement as JSON values, without what says nothing."""
        says = self.model_dump(mode="json", exclude_none=True)
        if not self.act:
            del says["act"]
        return says
