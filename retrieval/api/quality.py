"""``GET /v1/quality/{dataset}``: figures of answers and checks, for whoever holds ``analyst``.

Of the token's own tenant alone. No text of questions, claims or documents is in them, and no name
of anybody: askers, questions, documents and sources that the analyst may not see are keyed digests.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, NoReturn

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, Field

from acl.audit.events import Event, EventKind, identity
from acl.caller import ApiScope, Caller
from acl.seal import Purpose, caller_binding, seal, unseal
from retrieval.api.auth import PROBLEMS, Authorised, guarded
from retrieval.api.boundary import request_id_of
from retrieval.api.routes import RuntimeOf
from retrieval.evidence import Model
from retrieval.quality.datasets import Dataset
from retrieval.quality.errors import InvalidPeriodError, MissingExtraError, UnknownFilterError
from retrieval.quality.exported import Wanted, batches_of, read
from retrieval.quality.written import MEDIA_TYPES, WRITERS, Format, require_parquet

MAX_LIMIT: Final = 2_000
DEFAULT_LIMIT: Final = 500
MAX_CURSOR_CHARS: Final = 4_096
MAX_NAME_CHARS: Final = 1_024

router = APIRouter(prefix="/v1", responses=PROBLEMS)

Analyst = Annotated[Caller, Depends(Authorised(ApiScope.ANALYST))]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rows, and how. A filter that a dataset does not have is refused."""

    format: Annotated[
        Format, Query(description="json in pages; csv and parquet whole, without limit and cursor.")
    ] = Format.JSON
    since: Annotated[AwareDatetime | None, Query(description="Recorded at or after.")] = None
    until: Annotated[AwareDatetime | None, Query(description="Recorded before.")] = None
    source: Annotated[
        str | None,
        Query(max_length=MAX_NAME_CHARS, description="Resting on this source, as rows name it."),
    ] = None
    generation: Annotated[
        str | None,
        Query(max_length=MAX_NAME_CHARS, description="Answered by this build of the index."),
    ] = None
    limit: Annotated[int | None, Query(ge=1, le=MAX_LIMIT, description="Rows of a page.")] = None
    cursor: Annotated[
        str | None, Query(max_length=MAX_CURSOR_CHARS, description="From the page before.")
    ] = None

    def wanted(self, dataset: Dataset) -> Wanted:
        """As the core knows it."""
        return Wanted(dataset, self.since, self.until, self.source, self.generation)

    def binding(self, caller: Caller, dataset: Dataset) -> tuple[str, ...]:
        """What a cursor of this list is good for."""
        span = (self.since and self.since.isoformat(), self.until and self.until.isoformat())
        narrowed = map(str, (*span, self.source, self.generation))
        return ("quality", dataset, caller_binding(caller), *narrowed)


class QualityPage(Model):
    """Some rows of one dataset, oldest first."""

    request_id: str
    dataset: Dataset
    min_relevance: float = Field(description="Below it, this service answers `no_evidence`.")
    rows: list[dict[str, Any]] = Field(description="With the columns of the dataset.")
    next: str | None = Field(description="Send it as `cursor` for the next page; null at the end.")


@router.get(
    "/quality/{dataset}",
    dependencies=guarded(
        ApiScope.ANALYST,
        parameters=("format", "since", "until", "source", "generation", "limit", "cursor"),
    ),
    operation_id="read_quality",
    response_model=QualityPage,
    responses={
        200: {
            "content": {
                kind.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
                for kind in MEDIA_TYPES.values()
            }
        }
    },
)
def read_quality(
    dataset: Annotated[Dataset, Path(description="Which dataset; see docs/quality.md.")],
    asked: Annotated[Asked, Depends(Asked)],
    caller: Analyst,
    runtime: RuntimeOf,
    request: Request,
) -> QualityPage | Response:
    """Figures and keyed digests of what was retrieved and checked in the caller's own tenant."""
    wanted = asked.wanted(dataset)
    try:
        wanted.check()
        if asked.format is Format.JSON:
            return _page(dataset, asked, caller, runtime, request)
        if asked.limit is not None or asked.cursor is not None:
            _refuse("limit" if asked.limit is not None else "cursor", "of pages, thus of json")
        if asked.format is Format.PARQUET:
            require_parquet()
        rows = batches_of(runtime, caller, wanted)
        first = next(rows)  # what can be refused is refused before a byte is out
        _put_on_record(dataset, asked, caller, runtime, request)
    except UnknownFilterError as error:
        _refuse(error.name, str(error))
    except InvalidPeriodError as error:
        _refuse("since", str(error))
    except MissingExtraError as error:
        _refuse("format", str(error))
    return StreamingResponse(
        WRITERS[asked.format](dataset, _beginning_with(first, rows)),
        media_type=MEDIA_TYPES[asked.format],
        headers={
            "Content-Disposition": f'attachment; filename="{dataset}.{asked.format}"',
        },
    )


def _page(
    dataset: Dataset, asked: Asked, caller: Caller, runtime: RuntimeOf, request: Request
) -> QualityPage:
    bound, after = asked.binding(caller, dataset), None
    if asked.cursor is not None:
        after = unseal(runtime.secret, Purpose.CURSOR, asked.cursor, *bound)["after"]
    limit = asked.limit or DEFAULT_LIMIT
    part = read(runtime, caller, asked.wanted(dataset), after=after, limit=limit)
    _put_on_record(dataset, asked, caller, runtime, request)
    return QualityPage(
        request_id=request_id_of(request),
        dataset=dataset,
        min_relevance=runtime.settings.min_relevance,
        rows=list(part.rows),
        next=None
        if part.after is None
        else seal(runtime.secret, Purpose.CURSOR, {"after": part.after}, *bound),
    )


def _put_on_record(
    dataset: Dataset, asked: Asked, caller: Caller, runtime: RuntimeOf, request: Request
) -> None:
    """Who read which figures; durable before they leave.

    Raises:
        AuditError: it could not be recorded, so nothing is served.
    """
    body = {
        **identity(caller),
        "request": request_id_of(request),
        "dataset": dataset.value,
        "format": asked.format.value,
        "since": asked.since and asked.since.isoformat(),
        "until": asked.until and asked.until.isoformat(),
        "further": asked.cursor is not None,
    }
    runtime.ledger.record(caller.tenant, Event(EventKind.QUALITY_READ, body))


def _beginning_with(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _refuse(name: str, message: str) -> NoReturn:
    raise RequestValidationError([{"loc": ("query", name), "msg": message}])
