"""Whatever is sent to the service, it replies as its OpenAPI document says.

A few requests of each operation; ``make schemathesis`` sends thousands.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
import requests

from retrieval.api.problems import MEDIA_TYPE, kinds
from tests.schema.cases import operations, try_out
from tests.schema.recorded import KEPT
from tests.schema.world import Target, target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.catalogue import Blank

EXAMPLES = 8


@pytest.fixture(scope="module")
def service(sqlite_catalogue: Blank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with target(sqlite_catalogue, tmp_path_factory.mktemp("schema") / "world") as made:
        yield made


@pytest.fixture(scope="module")
def document(service: Target) -> dict[str, Any]:
    """The document, as the running service tells it."""
    told: dict[str, Any] = requests.get(f"{service.url}/openapi.json", timeout=30).json()
    return told


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::UserWarning:schemathesis"
)  # a pattern it cannot read is skipped
def test_every_reply_is_one_that_the_document_foresees(
    service: Target, document: dict[str, Any]
) -> None:
    sent = {one.label: try_out(one, service, examples=EXAMPLES) for one in operations(document)}
    assert len(sent) == len(list(each_operation(document)))
    assert sum(sent.values()) >= EXAMPLES * len(sent) / 2


def each_operation(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every operation, with what to call it."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_operations_have_ids_that_do_not_hang_on_paths_or_functions(
    document: dict[str, Any],
) -> None:
    ids = [operation["operationId"] for _, operation in each_operation(document)]
    assert len(ids) == len(set(ids))
    assert [one for one in ids if not re.fullmatch(r"[a-z]+(_[a-z]+)*", one)] == []


def test_every_refusal_is_a_problem_and_shows_each_that_it_can_be(document: dict[str, Any]) -> None:
    shared = document["components"]["responses"]
    shown = set()
    for label, operation in each_operation(document):
        for status, told in operation["responses"].items():
            reply = shared[told["$ref"].rpartition("/")[2]] if "$ref" in told else told
            if int(status) < 400 or label == "GET /readyz":
                continue
            assert list(reply["content"]) == [MEDIA_TYPE], label
            examples = reply["content"][MEDIA_TYPE]["examples"]
            assert examples, (label, status)
            shown |= {(int(status), code) for code in examples}
    assert shown <= set(kinds())
    found = {(one["status"], one["code"]) for one in problems(document)}
    assert found == set(kinds())


def problems(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The examples of problems; each is one."""
    schema = {"$ref": "#/components/schemas/Problem", "components": document["components"]}
    valid = jsonschema_rs.validator_for(schema)
    for example in document["components"]["examples"].values():
        valid.validate(example["value"])
        yield example["value"]


def test_every_success_shows_an_example_that_is_one(document: dict[str, Any]) -> None:
    bare = []
    for label, operation in each_operation(document):
        for status, reply in operation["responses"].items():
            for media_type, described in reply.get("content", {}).items():
                if int(status) >= 400 or media_type in {
                    "text/csv",
                    "application/vnd.apache.parquet",
                }:
                    continue
                if "example" not in described:
                    bare.append((label, status))
                elif "json" in media_type and "schema" in described and "nd" not in media_type:
                    whole = described["schema"] | {"components": document["components"]}
                    jsonschema_rs.validator_for(whole).validate(described["example"])
    assert bare == [], "record them: python -m tests.schema.recorded"


def test_no_example_tells_a_secret() -> None:
    kept = KEPT.read_text("utf-8")
    assert not re.search(r"clr_[0-9a-f]{8}|eyJ[\w-]{40}", kept)
