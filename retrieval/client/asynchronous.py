"""The client that is awaited: the same calls as :mod:`retrieval.client.synchronous`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx
import stamina
from pydantic import BaseModel

from retrieval.client import calls
from retrieval.client.batch import Batch, Delivered, lines_of, told
from retrieval.client.wire import Connection, read, refusal, unreached

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from retrieval.api.documents import PushedDocument
    from retrieval.client.calls import Call
    from retrieval.client.frames import Answer
    from retrieval.evidence import EvidenceResponse, SourcesResponse
    from retrieval.feedback import FeedbackResponse
    from retrieval.receipt_status import ReceiptStatusResponse
    from retrieval.verify import VerifyResponse

Reply = TypeVar("Reply", bound=BaseModel)


class AsyncClearance:
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
        transport: httpx.AsyncBaseTransport | None = None,
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
        self._http = httpx.AsyncClient(transport=transport, **self._connection.options())

    def __repr__(self) -> str:
        return f"AsyncClearance({self._connection.url!r})"

    async def __aenter__(self) -> Self:
        """Itself."""
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close connections."""
        await self.close()

    async def close(self) -> None:
        """See :meth:`Clearance.close <retrieval.client.Clearance.close>`."""
        await self._http.aclose()

    async def retrieve(self, query: str, **options: Any) -> Answer:
        """See :meth:`Clearance.retrieve <retrieval.client.Clearance.retrieve>`."""
        return await self._carry_out(calls.retrieve(query, options))

    async def get_evidence(self, chunk_id: str) -> EvidenceResponse:
        """See :meth:`Clearance.get_evidence <retrieval.client.Clearance.get_evidence>`."""
        return await self._carry_out(calls.get_evidence(chunk_id))

    async def list_sources(self) -> SourcesResponse:
        """See :meth:`Clearance.list_sources <retrieval.client.Clearance.list_sources>`."""
        return await self._carry_out(calls.list_sources())

    async def verify(
        self,
        *,
        claims: Sequence[Mapping[str, Any]] | None = None,
        answer: Mapping[str, Any] | None = None,
    ) -> VerifyResponse:
        """See :meth:`Clearance.verify <retrieval.client.Clearance.verify>`."""
        return await self._carry_out(calls.verify({"claims": claims, "answer": answer}))

    async def give_feedback(
        self,
        *,
        useful: bool,
        receipt_id: str | None = None,
        chunk_id: str | None = None,
        comment: str | None = None,
    ) -> FeedbackResponse:
        """See :meth:`Clearance.give_feedback <retrieval.client.Clearance.give_feedback>`."""
        given = {"useful": useful, "receipt_id": receipt_id, "chunk_id": chunk_id}
        return await self._carry_out(calls.give_feedback({**given, "comment": comment}))

    async def receipt_status(self, receipt_id: str) -> ReceiptStatusResponse:
        """See :meth:`Clearance.receipt_status <retrieval.client.Clearance.receipt_status>`."""
        return await self._carry_out(calls.receipt_status(receipt_id))

    async def put_document(
        self, source: str, external_id: str, document: Mapping[str, Any]
    ) -> PushedDocument:
        """See :meth:`Clearance.put_document <retrieval.client.Clearance.put_document>`."""
        return await self._carry_out(calls.put_document(source, external_id, document))

    async def delete_document(
        self, source: str, external_id: str, *, sequence: int | None = None
    ) -> PushedDocument:
        """See :meth:`Clearance.delete_document <retrieval.client.Clearance.delete_document>`."""
        return await self._carry_out(calls.delete_document(source, external_id, sequence))

    async def push_documents(
        self, source: str, documents: Iterable[Mapping[str, Any]]
    ) -> AsyncIterator[Delivered]:
        """See :meth:`Clearance.push_documents <retrieval.client.Clearance.push_documents>`."""
        for batch in lines_of(documents):
            async for one in self._deliver(calls.batch_path(source), batch):
                yield one

    async def _deliver(self, path: str, batch: Batch) -> AsyncIterator[Delivered]:
        try:
            response = await self._http.post(path, content=batch.body, headers=batch.headers)
        except httpx.TransportError as error:
            raise unreached(error) from error
        if response.is_error:
            raise refusal(response)
        for one in told(batch, response.content):
            yield one

    async def _carry_out(self, call: Call[Reply]) -> Reply:
        request = self._http.build_request(
            call.method, call.path, json=call.body, params=call.params, headers=call.headers()
        )
        async for attempt in stamina.retry_context(**self._connection.retries()):
            with attempt:
                try:
                    response = await self._http.send(request)
                except httpx.TransportError as error:
                    raise unreached(error) from error
                return read(call, response)
        raise AssertionError("an attempt returns or raises")
