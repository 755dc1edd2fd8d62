"""Every error the packages raise has a reply, and what went wrong on our side stays there."""

from __future__ import annotations

import importlib
import logging
import pkgutil
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

import acl
import ingestion
import retrieval
import verifier
from acl.errors import AclError, NotFoundError
from ingestion.errors import CatalogError, IndexUnavailableError, IngestionError
from retrieval import telemetry
from retrieval.api import problems, routes
from retrieval.api.app import create_app
from verifier.errors import VerifierError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Service

SECRET = "SELECT secret FROM hidden"


def subclasses(root: type[Exception]) -> Iterator[type[Exception]]:
    yield root
    for child in root.__subclasses__():
        yield from subclasses(child)


def every_error() -> list[type[Exception]]:
    for package in (acl, ingestion, verifier, retrieval):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "error" in module.name or module.name.endswith(("conditions", "policy")):
                importlib.import_module(module.name)
    return [kind for root in (AclError, IngestionError, VerifierError) for kind in subclasses(root)]


def make(kind: type[Exception]) -> Exception:
    return kind(SECRET)


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_every_error_of_the_packages_is_answered_by_the_table(kind: type[Exception]) -> None:
    reply = problems.refuse(make(kind), request_id="r").problem
    assert 400 <= reply.status < 600
    assert reply.code
    assert reply.title
    assert reply.detail


@pytest.mark.parametrize(
    "error",
    [
        ValueError(SECRET),
        AclError(SECRET),
        IngestionError(SECRET),
        VerifierError(SECRET),
        IndexUnavailableError(SECRET),
        CatalogError(SECRET),
        NotFoundError(SECRET),
        OperationalError(SECRET, {"query": SECRET}, Exception(SECRET)),
        TimeoutError(SECRET),
    ],
    ids=lambda error: type(error).__name__,
)
def test_words_of_ours_replace_what_an_internal_error_says(error: Exception) -> None:
    assert SECRET not in problems.refuse(error, request_id="r").problem.model_dump_json()


@pytest.mark.parametrize(
    ("error", "status", "code", "retry"),
    [
        (IndexUnavailableError(SECRET), 503, "index_unavailable", True),
        (OperationalError(SECRET, {}, Exception(SECRET)), 503, "catalog_unavailable", True),
        (TimeoutError(SECRET), 504, "deadline_exceeded", False),
        (RuntimeError(SECRET), 500, "internal_error", False),
        (RecursionError(SECRET), 500, "internal_error", False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_a_failing_core_is_a_problem_without_a_traceback(
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    code: str,
    *,
    retry: bool,
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise error

    monkeypatch.setattr(routes, "retrieve", fail)
    reply = service.ask("ann", "per diem")
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["x-request-id"] == reply.json()["request_id"]
    assert ("retry-after" in reply.headers) == retry
    assert "Traceback" not in reply.text
    assert SECRET not in reply.text


def test_the_logs_hold_neither_the_question_nor_the_text_of_an_error(
    service: Service, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    telemetry.configure()
    monkeypatch.setattr(routes, "retrieve", fail)
    with TestClient(create_app(service.runtime), raise_server_exceptions=False) as client:
        client.post("/v1/retrieve", json={"query": "who is Canary"}, headers=service.headers("ann"))
        client.get("/v1/evidence/canary-id", headers=service.headers("ann"))
    lines = capfd.readouterr().err
    assert "request_failed" in lines
    assert '"route": "/v1/retrieve"' in lines
    assert "test_problems.py" in lines
    assert "anary" not in lines
    assert SECRET not in lines
