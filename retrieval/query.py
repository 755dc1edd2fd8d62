"""What a caller may ask: the request of ``POST /v1/retrieve``, the MCP tool and the CLI.

Identity, tenant and ACLs are never part of it. Unknown fields are refused, not ignored: a caller
who misspells a restriction must not get an unrestricted answer.
"""

from __future__ import annotations

import unicodedata
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from acl.conditions import SOURCE, caller_filter
from retrieval.filters import MAX_FILTER_VALUES, Filters, Name, conditions

if TYPE_CHECKING:
    from acl.conditions import Condition

MAX_QUERY_CHARS = 4_000
MAX_LIMIT = 50
MAX_DEPTH = 200
"""How far cursors lead: the evidence of one question that can be paged through."""
MAX_TOKEN_CHARS = 4_096


class Include(StrEnum):
    """Optional parts of a response."""

    SCORES = "scores"
    TIMINGS = "timings"


class RetrieveRequest(BaseModel):
    """One question, and how the answer may be narrowed."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)

    query: str = Field(
        min_length=1,
        max_length=MAX_QUERY_CHARS,
        description="The question, in plain words. Search terms and full questions both work.",
        examples=["What is the per diem for trips abroad?"],
    )
    limit: int = Field(
        default=8, ge=1, le=MAX_LIMIT, description="How many pieces of evidence at most."
    )
    sources: list[Name] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_FILTER_VALUES,
        description="Only search these sources, by name (see list_sources).",
    )
    filters: Filters | None = Field(
        default=None,
        description="Only what satisfies all of these; documents you may not see count as absent.",
        examples=[{"media_type": ["application/pdf"]}],
    )
    max_age_seconds: int | None = Field(
        default=None,
        ge=0,
        description="Treat evidence checked longer ago than this as stale, if the source is laxer.",
    )
    min_relevance: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Leave out evidence below this relevance, instead of the calibrated default.",
    )
    cursor: str | None = Field(
        default=None,
        max_length=MAX_TOKEN_CHARS,
        description="Go on where an answer ended: its next_cursor, with everything else the same.",
    )
    at_least_as_fresh: str | None = Field(
        default=None,
        max_length=MAX_TOKEN_CHARS,
        description="An acl_token: answer only if this change of rights has arrived.",
    )
    include: frozenset[Include] = Field(
        default=frozenset(), description="Optional parts of the response: scores, timings."
    )

    @field_validator("query")
    @classmethod
    def _speak_in_text(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("the query is blank: ask something")
        for char in value:
            if unicodedata.category(char) in {"Cc", "Cs"} and char not in "\t\n\r":
                raise ValueError(
                    f"the query has a control character (U+{ord(char):04X}): remove it"
                )
        return value

    @field_validator("filters")
    @classmethod
    def _name_sources_once(cls, value: Filters | None, info: ValidationInfo) -> Filters | None:
        if value is not None and value.source is not None and info.data.get("sources") is not None:
            raise ValueError("give the sources once: in sources, or in filters.source")
        return value

    @property
    def asked_sources(self) -> list[str] | None:
        """The sources to search, wherever in the request they are named; None for all."""
        return self.sources if self.filters is None or self.sources else self.filters.source

    @property
    def own(self) -> tuple[Condition, ...]:
        """The filter of the request, for the index: what one place must satisfy."""
        own = () if self.sources is None else caller_filter({SOURCE: tuple(self.sources)})
        return own if self.filters is None else (*own, *conditions(self.filters))
