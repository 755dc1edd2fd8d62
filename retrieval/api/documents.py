"""``/v1/sources/{source}/documents``: pushing documents, one by one or as a batch of lines.

Bodies are read by the routes themselves, once it is sure whose they are: the framework would read
megabytes of a stranger's first. The work is done in threads of its own, so that no push keeps a
query waiting for one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar, cast

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, Header, Path, Query, Request
from pydantic import AfterValidator, Field

from acl.caller import ApiScope, Caller
from ingestion.deliveries import Delete, Delivery
from ingestion.errors import IngestionError
from ingestion.push_source import PushSource
from retrieval import idempotency
from retrieval.api.admin_routing import MAX_NAME, EncodedRoute, Strict
from retrieval.api.auth import PROBLEMS, Authorised, guarded
from retrieval.api.boundary import MAX_DOCUMENT_BYTES, route_of
from retrieval.api.document_body import (
    MAX_SEQUENCE,
    DocumentBody,
    ExternalId,
    read_document,
)
from retrieval.api.routes import RuntimeOf
from retrieval.pushing import PushDesk, ToldStatus
from retrieval.runtime import Runtime

PUSH_THREADS: Final = 8
"""Pushes in the core at once; the rest wait. They share batches, so more would gain little."""

Done = TypeVar("Done")
Pusher = Annotated[Caller, Depends(Authorised(ApiScope.INGEST))]
SourceName = Annotated[str, Path(max_length=MAX_NAME, description="A push source of the tenant.")]


def _printable(key: str) -> str:
    if not key.isprintable():
        raise ValueError("give printable characters alone")
    return key


IdempotencyKey = Annotated[
    Annotated[str, AfterValidator(_printable)] | None,
    Header(
        min_length=1,
        max_length=255,
        description="The same request with the same key gets the same reply, for a day.",
    ),
]

router = APIRouter(
    prefix="/v1/sources/{source}",
    responses=PROBLEMS
    | {
        status: {**PROBLEMS[422], "description": description}
        for status, description in {
            404: "There is no such push source in the caller's tenant",
            413: f"More than {MAX_DOCUMENT_BYTES // 1024 // 1024} MiB",
        }.items()
    },
    route_class=EncodedRoute,
)


class PushedDocument(Strict):
    """An acknowledged delivery: durable, and seen by every next query."""

    id: str = Field(description="The document's name in the source.")
    document_id: str = Field(description="As citations of it will say.")
    status: ToldStatus = Field(
        description="`accepted` unless you could see the document before; `late` if the source "
        "has said something later of it, so that nothing was changed."
    )


@dataclass(frozen=True, slots=True)
class Post:
    """What a route of deliveries works with: who delivers, and where to."""

    request: Request
    caller: Caller
    runtime: Runtime

    @property
    def desk(self) -> PushDesk:
        """Where this application takes deliveries."""
        return cast("PushDesk", self.request.app.state.pushes)

    async def in_thread(self, work: Callable[[], Done]) -> Done:
        """Do ``work`` in one of the threads that are there for pushes."""
        limiter: anyio.CapacityLimiter = self.request.app.state.push_threads
        return await anyio.to_thread.run_sync(work, limiter=limiter)

    def deliver(self, source: PushSource, delivery: Delivery) -> PushedDocument:
        """Carry out one delivery."""
        (told,) = self.desk.push(self.caller, source, [delivery])
        if isinstance(told, IngestionError):
            raise told
        return PushedDocument(id=told.external_id, document_id=told.document_id, status=told.status)

    def once(
        self, key: str | None, asked: tuple[bytes, ...], work: Callable[[], PushedDocument]
    ) -> PushedDocument:
        """What this request was answered with before, if it carries a key; else do ``work``."""
        if key is None:
            return work()
        tenant, now, database = self.caller.tenant, self.runtime.clock(), self.runtime.database
        route = f"{self.request.method} {route_of(self.request.scope)}"
        sent = idempotency.Request.of(self.caller, key, route, *asked)
        with database.read(tenant) as session:
            before = idempotency.recall(session, tenant, sent, now=now)
        if before is not None:
            return PushedDocument.model_validate_json(before.body)
        done = work()
        reply = idempotency.Reply(200, done.model_dump_json())
        with database.write(tenant) as session:
            idempotency.remember(session, tenant, sent, reply, now=now)
        return done


async def _post(request: Request, caller: Pusher, runtime: RuntimeOf) -> Post:
    return Post(request, caller, runtime)


PostOf = Annotated[Post, Depends(_post)]


_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": DocumentBody.model_json_schema()}},
    }
}


@router.put(
    "/documents/{external_id:path}",
    dependencies=guarded(ApiScope.INGEST),
    operation_id="put_document",
    openapi_extra=_BODY,
)
async def put_document(
    source: SourceName,
    external_id: ExternalId,
    post: PostOf,
    idempotency_key: IdempotencyKey = None,
) -> PushedDocument:
    """Deliver a document as it is now: new, changed, moved to another ACL, or as before.

    When the reply comes, the document is durable and every next query sees it. Sending it again
    changes nothing.
    """
    body = await post.request.body()

    def work() -> PushedDocument:
        # Opened first: whether the body is well-formed is no business of who may not push here.
        opened = post.desk.open(post.caller, source)
        asked = (source.encode(), external_id.encode(), body)

        def deliver() -> PushedDocument:
            delivery = read_document(body, source=source, external_id=external_id)
            return post.deliver(opened, delivery)

        return post.once(idempotency_key, asked, deliver)

    return await post.in_thread(work)


@router.delete(
    "/documents/{external_id:path}",
    dependencies=guarded(ApiScope.INGEST, parameters=("sequence",)),
    operation_id="delete_document",
)
async def delete_document(
    source: SourceName,
    external_id: ExternalId,
    post: PostOf,
    sequence: Annotated[
        int | None, Query(ge=0, le=MAX_SEQUENCE, description="As of PUT: a lower one is late.")
    ] = None,
    idempotency_key: IdempotencyKey = None,
) -> PushedDocument:
    """Deliver that a document is gone. When the reply comes, no next query sees it.

    A PUT with no higher sequence, however late it comes, does not bring it back.
    """

    def work() -> PushedDocument:
        opened = post.desk.open(post.caller, source)
        asked = (source.encode(), external_id.encode(), str(sequence).encode())
        delivery = Delete(external_id, sequence)
        return post.once(idempotency_key, asked, lambda: post.deliver(opened, delivery))

    return await post.in_thread(work)
