"""What a caller may narrow a question by: an allow-listed, typed language of conditions.

Fields are AND-ed, values of a field are alternatives, and all of it must hold of one and the same
place: a chunk of an old report and of a new memo is no old memo. A filter is AND-ed under the
caller's scope before anything is ranked, so it can only narrow; what the caller may not see answers
it as what does not exist. There is no OR across fields, no NOT, and no way to name a tenant, an ACL
or a person. What never lives here: the index and the catalogue, so that clients can import it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from acl.conditions import SOURCE, Between, caller_filter
from ingestion.index.facets import DOCUMENT, LANGUAGE, MEDIA_TYPE, MODIFIED, TAGS, ticks
from ingestion.labels import LANGUAGE_SHAPE, spelled_tag

if TYPE_CHECKING:
    from acl.conditions import Condition

MAX_FILTER_VALUES = 100
MEDIA_TYPE_SHAPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
_ISO: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT: Final = 'give date, time and offset, such as "2026-01-31T00:00:00Z"'
_END: Final = datetime(2200, 1, 1, tzinfo=UTC)

Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]


def _media_type(value: str) -> str:
    lowered = value.lower()
    if not MEDIA_TYPE_SHAPE.fullmatch(lowered):
        raise ValueError("give a media type without parameters, such as text/markdown")
    return lowered


def _language(value: str) -> str:
    lowered = value.lower()
    if not LANGUAGE_SHAPE.fullmatch(lowered):
        raise ValueError('give a language of two or three letters without a region, such as "de"')
    return lowered


def _instant(value: Any) -> Any:
    # A number, also one in quotes, would be taken for seconds, or for milliseconds, by its size.
    if not isinstance(value, datetime) and not (isinstance(value, str) and _ISO.match(value)):
        raise ValueError(_INSTANT)
    return value


def _certain(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(_INSTANT)
    if value >= _END:
        raise ValueError("give an instant before the year 2200")
    return value


MediaType = Annotated[Name, AfterValidator(_media_type)]
Tag = Annotated[Name, AfterValidator(spelled_tag)]
Language = Annotated[Name, AfterValidator(_language)]
Instant = Annotated[datetime, BeforeValidator(_instant), AfterValidator(_certain)]


class Period(BaseModel):
    """A stretch of time: from ``since`` on, up to and without ``before``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: Instant | None = Field(
        default=None, description="At this instant or later.", examples=["2026-01-01T00:00:00Z"]
    )
    before: Instant | None = Field(
        default=None, description="Earlier than this instant.", examples=["2026-04-01T00:00:00Z"]
    )

    @model_validator(mode="after")
    def _stretch(self) -> Period:
        if self.since is None and self.before is None:
            raise ValueError("give since, before, or both")
        if self.since is not None and self.before is not None and self.since >= self.before:
            raise ValueError("since must lie before 'before'")
        return self


class Filters(BaseModel):
    """Conditions that one document a piece stands in must satisfy, all of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: list[Name] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_FILTER_VALUES,
        description="Only these sources, by name; the same as 'sources'.",
    )
    document_id: list[Name] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_FILTER_VALUES,
        description="Only these documents, by the document_id of a citation.",
    )
    media_type: list[MediaType] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_FILTER_VALUES,
        description="Only documents of these types, such as text/markdown or application/pdf.",
        examples=[["application/pdf"]],
    )
    tags: list[Tag] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_FILTER_VALUES,
        description="Only documents that have one of these tags, upper and lower case alike.",
        examples=[["travel"]],
    )
    language: list[Language] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_FILTER_VALUES,
        description="Only documents that say they are in one of these languages, such as de.",
        examples=[["de"]],
    )
    modified_at: Period | None = Field(
        default=None,
        description="Only documents last modified within this period, as their source says. "
        "Those of which it says nothing are left out.",
    )

    @model_validator(mode="after")
    def _something(self) -> Filters:
        if all(value is None for _, value in self):
            names = ", ".join(type(self).model_fields)
            raise ValueError(f"it has no condition: give one of {names}, or leave it out")
        return self


def conditions(filters: Filters) -> tuple[Condition, ...]:
    """The same for the index: what one place must satisfy."""
    given = {
        SOURCE: filters.source,
        DOCUMENT: filters.document_id,
        MEDIA_TYPE: filters.media_type,
        TAGS: filters.tags,
        LANGUAGE: filters.language,
    }
    own: tuple[Condition, ...] = caller_filter(
        {field: tuple(values) for field, values in given.items() if values is not None}
    )
    period = filters.modified_at
    if period is not None:
        since, before = (None if at is None else ticks(at) for at in (period.since, period.before))
        own = (*own, Between(MODIFIED, since, before))
    return own
