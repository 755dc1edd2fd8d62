"""Calls of a Qdrant server: errors in our words, and again where the server was only away for once.

Everything that is asked of a server here may be asked twice: points are put, removed and placed by
their ids. So what a restart, a lost connection or a change of leader cut short is asked again after
a pause, a few times, and no two callers pause alike. A timeout is not asked again: whoever waited
that long has no time left.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import grpc
import stamina
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse
from qdrant_client.models import UpdateResult, UpdateStatus

from ingestion.errors import IndexLostError, IndexUnavailableError
from ingestion.index import schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Answer = TypeVar("Answer")

ATTEMPTS: Final = 4
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0
_JITTER: Final = 0.1
_NOT_FOUND: Final = 404
_PASSING_STATUSES: Final = frozenset({429, 502, 503, 504})
_PASSING_CODES: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)
_LOST_LOCALLY: Final = ("Collection", "not found")


@dataclass(frozen=True, slots=True)
class Replication:
    """How many nodes of a cluster hold a collection.

    A write returns once most of them have it and the others no longer serve: a cluster takes a node
    that missed a write out of service until it has caught up.

    Attributes:
        replicas: how many hold it; 1 for a server alone.
    """

    replicas: int = 1

    @property
    def acknowledged(self) -> int:
        """How many must have a write before it counts."""
        return self.replicas // 2 + 1


class UnfinishedError(Exception):
    """A write is in the server's log, and not yet in what it searches."""


def ask(doing: str, generation: str, call: Callable[[], Answer]) -> Answer:
    """What ``call`` returns.

    Args:
        doing: a verb, for the message.
        generation: which is asked, for the message.
        call: asks the server; may be called several times.

    Raises:
        IndexLostError: the server answers, and does not hold the generation.
        IndexUnavailableError: it does not answer, or refuses.
    """
    with _in_our_words(doing, generation):
        for attempt in stamina.retry_context(
            on=passing,
            attempts=ATTEMPTS,
            timeout=None,
            wait_initial=_FIRST_PAUSE,
            wait_max=_LONGEST_PAUSE,
            wait_jitter=_JITTER,
        ):
            with attempt:
                return call()
    raise AssertionError  # the last attempt returns or raises


def write(
    doing: str, generation: str, call: Callable[[], UpdateResult | Sequence[UpdateResult]]
) -> None:
    """Write, and again until the server says that every search finds it so.

    Raises:
        IndexLostError, IndexUnavailableError: as :func:`ask`; or it has not said so in the end.
    """

    def once() -> None:
        said = call()
        results = [said] if isinstance(said, UpdateResult) else said
        if any(result.status != UpdateStatus.COMPLETED for result in results):
            raise UnfinishedError

    ask(doing, generation, once)


def passing(error: Exception) -> bool:
    """Whether asking the same again makes sense."""
    if isinstance(error, UnexpectedResponse):
        return error.status_code in _PASSING_STATUSES
    if isinstance(error, grpc.RpcError):
        return _code(error) in _PASSING_CODES
    if isinstance(error, ResponseHandlingException):
        return not _timed_out(error)
    return isinstance(error, (UnfinishedError, ResourceExhaustedResponse))


def _timed_out(error: ResponseHandlingException) -> bool:
    # The client wraps what its transport raised, whose classes are not ours to know.
    return "timeout" in type(error.source).__name__.lower()


@contextmanager
def _in_our_words(doing: str, generation: str) -> Iterator[None]:
    try:
        yield
    except IndexUnavailableError:
        raise
    except Exception as error:  # REST, gRPC and local mode each have errors of their own.
        if _lost(error):
            found = schema.missing(generation)
            raise IndexLostError(found.message, code=found.code) from error
        raise IndexUnavailableError(
            f"index: the Qdrant server could not {doing} in generation {generation!r}: "
            f"{_name(error)}; check its address, its key and its log"
        ) from error


def _lost(error: Exception) -> bool:
    if isinstance(error, UnexpectedResponse):
        return error.status_code == _NOT_FOUND
    if isinstance(error, grpc.RpcError):
        return _code(error) is grpc.StatusCode.NOT_FOUND
    return isinstance(error, ValueError) and all(word in str(error) for word in _LOST_LOCALLY)


def _name(error: Exception) -> str:
    """The kind of error alone: what servers say may quote what was asked."""
    code = _code(error) if isinstance(error, grpc.RpcError) else None
    return type(error).__name__ if code is None else f"{type(error).__name__} {code.name}"


def _code(error: grpc.RpcError) -> grpc.StatusCode | None:
    # The base class declares nothing; every error of a call has it.
    code = getattr(error, "code", None)
    found: grpc.StatusCode | None = code() if callable(code) else None
    return found
