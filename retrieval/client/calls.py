"""Each call as data: where it goes, what it carries, what its reply is read as.

Both clients carry out the same calls, so they cannot drift apart. Arguments are checked here,
against the models of the service itself, before anything is sent.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

from pydantic import BaseModel

from retrieval.client.frames import Answer
from retrieval.evidence import EvidenceResponse, SourcesResponse
from retrieval.query import RetrieveRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from retrieval.api.documents import PushedDocument
    from retrieval.feedback import FeedbackResponse
    from retrieval.receipt_status import ReceiptStatusResponse
    from retrieval.verify import VerifyResponse

Reply = TypeVar("Reply", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Call(Generic[Reply]):
    """One request.

    Attributes:
        method: of HTTP.
        path: below the service's address, its parts escaped.
        reply: what a success is read as.
        body: sent as JSON.
        params: of the query string.
        once: whether it carries a key by which the service knows it again, so that it is carried
            out once however often it is sent. The others change nothing.
    """

    method: str
    path: str
    reply: type[Reply]
    body: Mapping[str, Any] | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    once: bool = False

    def headers(self) -> dict[str, str]:
        """Of the request, the same for each time it is sent: ask once."""
        return {"Idempotency-Key": uuid.uuid4().hex} if self.once else {}


def retrieve(query: str, options: Mapping[str, Any]) -> Call[Answer]:
    """Ask a question.

    Raises:
        pydantic.ValidationError: an option is unknown or out of bounds.
    """
    asked = RetrieveRequest.model_validate({"query": query, **_given(options)})
    body = asked.model_dump(mode="json", exclude_unset=True)
    return Call("POST", "/v1/retrieve", Answer, body)


def get_evidence(chunk_id: str) -> Call[EvidenceResponse]:
    """One piece again, with what stands around it."""
    return Call("GET", f"/v1/evidence/{_part(chunk_id)}", EvidenceResponse)


def list_sources() -> Call[SourcesResponse]:
    """The sources in which something is visible."""
    return Call("GET", "/v1/sources", SourcesResponse)


def verify(given: Mapping[str, Any]) -> Call[VerifyResponse]:
    """Check claims, or a draft, against evidence.

    Raises:
        pydantic.ValidationError: what is given is not a request of ``/v1/verify``.
    """
    # The models of this call and those below stand beside the code that serves it; a client that
    # only asks need not load that.
    from retrieval.verify import VerifyRequest, VerifyResponse  # noqa: PLC0415

    asked = VerifyRequest.model_validate(_given(given))
    body = asked.model_dump(mode="json", exclude_unset=True)
    return Call("POST", "/v1/verify", VerifyResponse, body)


def give_feedback(given: Mapping[str, Any]) -> Call[FeedbackResponse]:
    """Say whether an answer, or a piece of it, helped.

    Raises:
        pydantic.ValidationError: it names neither, or both.
    """
    from retrieval.feedback import FeedbackRequest, FeedbackResponse  # noqa: PLC0415

    said = FeedbackRequest.model_validate(
        {name: it for name, it in given.items() if it is not None}
    )
    body = said.model_dump(mode="json", exclude_unset=True)
    return Call("POST", "/v1/feedback", FeedbackResponse, body)


def receipt_status(receipt_id: str) -> Call[ReceiptStatusResponse]:
    """Whether what an answer rested on still holds."""
    from retrieval.receipt_status import ReceiptStatusResponse  # noqa: PLC0415

    return Call("GET", f"/v1/receipts/{_part(receipt_id)}/status", ReceiptStatusResponse)


def put_document(
    source: str, external_id: str, document: Mapping[str, Any]
) -> Call[PushedDocument]:
    """Deliver a document as it is now."""
    from retrieval.api.documents import PushedDocument  # noqa: PLC0415

    return Call("PUT", _document(source, external_id), PushedDocument, dict(document), once=True)


def delete_document(source: str, external_id: str, sequence: int | None) -> Call[PushedDocument]:
    """Deliver that a document is gone."""
    from retrieval.api.documents import PushedDocument  # noqa: PLC0415

    params = {} if sequence is None else {"sequence": str(sequence)}
    return Call("DELETE", _document(source, external_id), PushedDocument, params=params, once=True)


def batch_path(source: str) -> str:
    """Where documents go line by line."""
    return f"/v1/sources/{_part(source)}/documents:batch"


def _document(source: str, external_id: str) -> str:
    return f"/v1/sources/{_part(source)}/documents/{_part(external_id)}"


def _part(name: str) -> str:
    return quote(name, safe="")


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}
