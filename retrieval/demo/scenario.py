"""The scenario of the demo, read and checked: who exists, what is asked, what must come back."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

CORPUS = Path(str(files("retrieval.demo").joinpath("corpus")))


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class SourceEntry(_Entry):
    """A source of a tenant; ``stale`` ones are given a last sync beyond their SLA."""

    name: str
    path: str
    max_age_seconds: int
    on_stale: Literal["flag", "exclude"]
    stale: bool = False


class TenantEntry(_Entry):
    """A tenant: people, groups and sources."""

    title: str
    users: dict[str, dict[str, str]]
    groups: dict[str, list[str]]
    services: dict[str, dict[str, str]] = Field(default_factory=dict)
    sources: list[SourceEntry]


class Question(_Entry):
    """An answerable question."""

    tenant: str
    caller: str = Field(alias="as")
    query: str
    expect_documents: list[str]
    expect_text: str


class Unanswerable(_Entry):
    """A question to which the only right reply is that there is no evidence."""

    kind: Literal["absent", "foreign", "forbidden"]
    tenant: str
    caller: str = Field(alias="as")
    query: str
    cleared: str | None = None
    documents: list[str] = Field(default_factory=list)
    answer_text: str | None = None


class Expectation(_Entry):
    """What must hold of one answer."""

    expect_status: str | None = None
    expect_reasons: list[str] = Field(default_factory=list)
    expect_documents: list[str] = Field(default_factory=list)
    any_document: bool = False
    forbid_documents: list[str] = Field(default_factory=list)
    forbid_text: list[str] = Field(default_factory=list)
    finding_in: str | None = None
    conflict: list[str] = Field(default_factory=list)
    also_in: list[str] = Field(default_factory=list)


class Step(Expectation):
    """One step of the showcase; ``change`` is applied before it and undone at the end."""

    step: str
    promise: str
    tenant: str
    caller: str = Field(alias="as")
    query: str
    before: Expectation | None = None
    change: dict[str, dict[str, str]] | None = None


class Scenario(_Entry):
    """The whole file."""

    tenants: dict[str, TenantEntry]
    questions: list[Question]
    unanswerable: list[Unanswerable]
    showcase: list[Step]


@cache
def load() -> Scenario:
    """The packaged scenario."""
    stored: dict[str, Any] = yaml.safe_load(
        files("retrieval.demo").joinpath("scenario.yaml").read_text("utf-8")
    )
    return Scenario.model_validate(stored)
