"""The client that waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx
import stamina
from pydantic import BaseModel

from retrieval.client import calls
from retrieval.client.batch import Batch, Delivered, lines_of, told
from retrieval.client.wire import Connection, read, refusal, unreached

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from retrieval.api.documents import PushedDocument
    from retrieval.client.calls import Call
    from retrieval.client.frames import Answer
    from retrieval.evidence import EvidenceResponse, SourcesResponse
    from retrieval.feedback import FeedbackResponse
    from retrieval.receipt_status import ReceiptStatusResponse
    from retrieval.verify import VerifyResponse

Reply = TypeVar("Reply", bound=BaseModel)


class Clearance:
    """A service, asked in the name of whoever the token stands for.

    Safe to share between threads. Close it, or use it as a context manager.

    Every call raises :class:`~retrieval.client.RefusedError` if the service says no,
    :class:`~retrieval.client.NotReachedError` if it is not there, and ``pydantic.ValidationError``,
    before anything is sent, if an argument cannot be.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout: float = 30.0,
        attempts: int = 3,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            url: of the service; else ``CLEARANCE_URL``.
            token: an API key or JWT; else ``CLEARANCE_TOKEN``.
            timeout: seconds one attempt may take.
            attempts: how often a call is sent at most while the service is overloaded, not ready or
                not there. A pause that the service asks for is kept.
            transport: another way to it, such as a proxy's.

        Raises:
            ValueError: one of them is missing or cannot be.
        """
        self._connection = Connection.of(url, token, timeout=timeout, attempts=attempts)
        self._http = httpx.Client(transport=transport, **self._connection.options())

    def __repr__(self) -> str:
        return f"Clearance({self._connection.url!r})"

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close connections."""
        self.close()

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def retrieve(self, query: str, **options: Any) -> Answer:
        """Ask a question; evidence the caller is cleared to see, cited, and honest about doubt.

        Args:
            query: in plain words.
            options: the other fields of the request: ``limit``, ``sources``, ``filters``,
                ``max_age_seconds``, ``min_relevance``, ``cursor``, ``at_least_as_fresh``,
                ``include``. None leaves one at what it is by itself.
        """
        return self._carry_out(calls.retrieve(query, options))

    def get_evidence(self, chunk_id: str) -> EvidenceResponse:
        """One piece of evidence again, with what stands before and after it."""
        return self._carry_out(calls.get_evidence(chunk_id))

    def list_sources(self) -> SourcesResponse:
        """The sources in which something is visible, and how fresh they are."""
        return self._carry_out(calls.list_sources())

    def verify(
        self,
        *,
        claims: Sequence[Mapping[str, Any]] | None = None,
        answer: Mapping[str, Any] | None = None,
    ) -> VerifyResponse:
        """Check what is claimed against what it cites.

        Args:
            claims: each ``{"text": …, "citations": [{"chunk_id": …, "quote": …}]}``.
            answer: instead, a draft with markers: ``{"text": …, "receipt_id": …}``.
        """
        return self._carry_out(calls.verify({"claims": claims, "answer": answer}))

    def give_feedback(
        self,
        *,
        useful: bool,
        receipt_id: str | None = None,
        chunk_id: str | None = None,
        comment: str | None = None,
    ) -> FeedbackResponse:
        """Say whether an answer (``receipt_id``) or a piece of it (``chunk_id``) helped."""
        given = {"useful": useful, "receipt_id": receipt_id, "chunk_id": chunk_id}
        return self._carry_out(calls.give_feedback({**given, "comment": comment}))

    def receipt_status(self, receipt_id: str) -> ReceiptStatusResponse:
        """Whether what an answer of one's own rested on still holds."""
        return self._carry_out(calls.receipt_status(receipt_id))

    def put_document(
        self, source: str, external_id: str, document: Mapping[str, Any]
    ) -> PushedDocument:
        """Deliver a document as it is now; durable and seen by the next query when it returns.

        Args:
            source: a push source.
            external_id: the document's name in it.
            document: as ``PUT /v1/sources/{source}/documents/{id}`` takes it.
        """
        return self._carry_out(calls.put_document(source, external_id, document))

    def delete_document(
        self, source: str, external_id: str, *, sequence: int | None = None
    ) -> PushedDocument:
        """Deliver that a document is gone; the next query does not see it when it returns."""
        return self._carry_out(calls.delete_document(source, external_id, sequence))

    def push_documents(
        self, source: str, documents: Iterable[Mapping[str, Any]]
    ) -> Iterator[Delivered]:
        """Deliver many documents, as they come, and say of each what became of it.

        They are sent in batches that the service takes whole, so there may be any number of them,
        and no more than a batch is held. Nothing is sent again by itself: after an error, deliver
        what was not told, with the same sequence.

        Args:
            source: a push source.
            documents: each a line of ``documents:batch``: ``{"id": …, …}``, or ``{"id": …,
                "delete": true}``.

        Yields:
            One result for each document, in their order.

        Raises:
            RefusedError: the service would not go on; what was told before stands.
        """
        for batch in lines_of(documents):
            yield from self._deliver(calls.batch_path(source), batch)

    def _deliver(self, path: str, batch: Batch) -> Iterator[Delivered]:
        try:
            response = self._http.post(path, content=batch.body, headers=batch.headers)
        except httpx.TransportError as error:
            raise unreached(error) from error
        if response.is_error:
            raise refusal(response)
        yield from told(batch, response.content)

    def _carry_out(self, call: Call[Reply]) -> Reply:
        request = self._http.build_request(
            call.method, call.path, json=call.body, params=call.params, headers=call.headers()
        )
        for attempt in stamina.retry_context(**self._connection.retries()):
            with attempt:
                try:
                    response = self._http.send(request)
                except httpx.TransportError as error:
                    raise unreached(error) from error
                return read(call, response)
        raise AssertionError("an attempt returns or raises")
