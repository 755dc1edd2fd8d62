"""What a Qdrant server may do to a call, and what becomes of it. No server is needed to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import httpx
import pytest
import stamina
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from ingestion.errors import IndexLostError, IndexUnavailableError
from ingestion.index.server import ServerHost
from ingestion.index.server_calls import ATTEMPTS, Replication, ask, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECRET = "what somebody asked"


class RpcError(grpc.RpcError):
    """An error of a call, as gRPC raises them."""

    def __init__(self, code: grpc.StatusCode) -> None:
        super().__init__(SECRET)
        self._code = code

    def code(self) -> grpc.StatusCode:
        return self._code


def over_rest(status: int) -> UnexpectedResponse:
    return UnexpectedResponse(status, "reason", SECRET.encode(), httpx.Headers())


PASSING = [
    RpcError(grpc.StatusCode.UNAVAILABLE),
    RpcError(grpc.StatusCode.ABORTED),
    ResponseHandlingException(httpx.ConnectError(SECRET)),
    ResourceExhaustedResponse(SECRET, 1),
    over_rest(503),
    over_rest(429),
]
LASTING = [
    RpcError(grpc.StatusCode.DEADLINE_EXCEEDED),
    RpcError(grpc.StatusCode.INVALID_ARGUMENT),
    RpcError(grpc.StatusCode.UNAUTHENTICATED),
    grpc.RpcError(SECRET),
    ResponseHandlingException(httpx.ReadTimeout(SECRET)),
    over_rest(401),
    ValueError(SECRET),
]
LOST = [
    RpcError(grpc.StatusCode.NOT_FOUND),
    over_rest(404),
    ValueError("Collection g1 not found"),
]


@pytest.fixture(autouse=True)
def _without_pauses() -> Iterator[None]:
    with stamina.set_testing(True, attempts=ATTEMPTS):
        yield


class Failing:
    """A call that fails so many times before it succeeds."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error = error
        self.left = times
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise self.error
        return "found"


def name_of(error: Exception) -> str:
    code = getattr(error, "status_code", None) or getattr(error, "_code", "")
    return f"{type(error).__name__} {code}"


@pytest.mark.parametrize("error", PASSING, ids=name_of)
def test_what_passes_is_asked_again_and_nobody_notices(error: Exception) -> None:
    call = Failing(error, 2)
    assert ask("search", "g1", call) == "found"
    assert call.calls == 3


@pytest.mark.parametrize("error", PASSING, ids=name_of)
def test_what_does_not_pass_in_time_is_an_unavailable_index(error: Exception) -> None:
    call = Failing(error, 99)
    with pytest.raises(IndexUnavailableError, match="could not search in generation 'g1'") as said:
        ask("search", "g1", call)
    assert call.calls == ATTEMPTS
    assert SECRET not in str(said.value)
    assert not isinstance(said.value, IndexLostError)


@pytest.mark.parametrize("error", LASTING, ids=name_of)
def test_what_would_be_refused_again_or_took_too_long_is_asked_once(error: Exception) -> None:
    call = Failing(error, 99)
    with pytest.raises(IndexUnavailableError) as said:
        ask("search", "g1", call)
    assert call.calls == 1
    assert SECRET not in str(said.value)


@pytest.mark.parametrize("error", LOST, ids=name_of)
def test_a_collection_that_is_gone_is_said_to_be_lost(error: Exception) -> None:
    call = Failing(error, 99)
    with pytest.raises(IndexLostError) as said:
        ask("search", "g1", call)
    assert (call.calls, said.value.code) == (1, "index_missing")


@pytest.mark.parametrize(
    "unfinished", [models.UpdateStatus.ACKNOWLEDGED, models.UpdateStatus.WAIT_TIMEOUT]
)
def test_a_write_is_repeated_until_every_search_would_find_it_so(
    unfinished: models.UpdateStatus,
) -> None:
    done = models.UpdateResult(operation_id=1, status=models.UpdateStatus.COMPLETED)
    half = models.UpdateResult(operation_id=1, status=unfinished)
    said = [[done, half], [half], [done, done]]
    write("delete", "g1", lambda: said.pop(0))
    assert said == []
    with pytest.raises(IndexUnavailableError, match="could not delete"):
        write("delete", "g1", lambda: half)


def test_a_write_counts_once_most_replicas_have_it() -> None:
    wanted = {1: 1, 2: 2, 3: 2, 4: 3, 5: 3}
    assert {n: Replication(n).acknowledged for n in wanted} == wanted


def test_a_collection_is_made_with_its_replicas(monkeypatch: pytest.MonkeyPatch) -> None:
    client, made = QdrantClient(":memory:"), {}
    create: Callable[..., bool] = client.create_collection

    def noting(name: str, **layout: object) -> bool:
        made.update(layout)
        return create(name, **layout)

    monkeypatch.setattr(client, "create_collection", noting)
    host = ServerHost(client, prefix="test", replication=Replication(3))
    with pytest.warns(UserWarning, match="no effect"):
        host.open("g1", dimensions=4)
    assert (made["replication_factor"], made["write_consistency_factor"]) == (3, 2)
    assert made["shard_number"] == 1
    host.close()


@pytest.mark.parametrize("version", ["1.18.9", "0.11.0", "unknown"])
def test_a_server_that_is_too_old_is_refused_before_anything_is_made(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = QdrantClient(":memory:")
    told = models.VersionInfo(title="qdrant", version=version)
    monkeypatch.setattr(client, "info", lambda: told)
    host = ServerHost(client, prefix="test")
    with pytest.raises(IndexUnavailableError, match=r"use 1\.19 or newer"):
        host.open("g1", dimensions=4)
    assert host.generations() == []
    host.close()
