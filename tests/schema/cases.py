"""Requests made of the OpenAPI document, and whether the replies keep to it.

For every operation, some requests are as the document says and some are not. Half of them name
things that are there, since what is made up is absent nearly always. Whatever is sent, the reply is
one that the document foresees: its status, its content type, its schema; never 5xx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import APIOperation, Case

    from tests.schema.world import Target

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
_SEED: Final = 20_260
_NOT_HTTP: Final = b"Invalid HTTP request received."
"""What the web server itself says to bytes that are no request, before there is an operation."""


def operations(document: dict[str, Any]) -> Iterator[APIOperation]:
    """Every operation of an OpenAPI document."""
    schema = schemathesis.openapi.from_dict(document, config=schemathesis.Config())
    for found in schema.get_all_operations():
        yield found.ok()


def try_out(operation: APIOperation, target: Target, *, examples: int) -> int:
    """Send requests of one operation, the same each time, and check the replies.

    Returns:
        How many were sent.

    Raises:
        AssertionError: a reply is not one that the document foresees; it shows the request.
    """
    sent = 0
    named = {one.name for one in operation.path_parameters}
    known = {name: value for name, value in target.known.items() if name in named}
    cases = st.one_of(
        operation.as_strategy(generation_mode=mode, path_parameters=fixed)
        for mode in GenerationMode
        for fixed in ([{}, known] if known else [{}])
    )

    @seed(_SEED)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def check(case: Case) -> None:
        nonlocal sent
        sent += 1
        reply = case.call(base_url=target.url, session=session, headers=target.headers)
        if (reply.status_code, reply.content) != (400, _NOT_HTTP):
            case.validate_response(reply, checks=CHECKS)

    with requests.Session() as session:
        check()
    return sent
