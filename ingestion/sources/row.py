"""One row of a manifest or of a query: what it may say, and the item it makes.

What never lives here: where rows come from, who may see them, or reading what a row refers to.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from acl import strict_json
from ingestion.errors import RowError
from ingestion.labels import spelled_language, spelled_tags

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENT: Final = ("text", "content_base64", "content")
"""The fields that hold content; large, so nobody reads them who only lists."""
MAX_ID: Final = 1_024
_URL: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://[^\s]+")
# A person follows a citation in a browser, where these run instead of leading anywhere.
_RUNS: Final = frozenset({"javascript", "vbscript", "data", "blob"})


def _tags(value: object) -> object:
    """Tags as a row states them: a list, or text that is one in JSON or has commas between them."""
    if isinstance(value, str):
        listed = value.lstrip().startswith("[")
        parts = (part for part in value.split(",") if part.strip())
        value = strict_json.loads(value) if listed else list(parts)
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise ValueError("must be a list of words, or words between commas")
    return spelled_tags(value)


class Row(BaseModel):
    """What a row says of one document.

    Attributes:
        external_id: The document's own stable name; NFC.
        text: Its content, if that is text.
        content_base64: Its content in base64, for anything else.
        content: The same as bytes, where a table can hold them.
        uri: Where it is, if the row holds no content; else where a person finds it.
        acl: As of ``RowAcls.read``; nothing here looks into it.
        title: What to call it.
        media_type: What its content is.
        modified_at: When it last changed; without a zone, UTC. It bears on freshness alone.
        revision: A mark that changes whenever the content does.
        formerly: The external id it had before.
        sequence: Its place in the order of changes.
        tags: What it is about: a list, or words between commas.
        language: What language it is in, such as ``de``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    external_id: str
    text: str | None = None
    content_base64: str | None = None
    content: bytes | None = None
    uri: str | None = Field(default=None, min_length=1, max_length=4_096)
    acl: Any = None
    title: str | None = Field(default=None, max_length=1_024)
    media_type: str | None = Field(default=None, max_length=128)
    modified_at: datetime | None = Field(default=None, strict=False)
    revision: str | None = Field(default=None, max_length=256)
    formerly: str | None = None
    sequence: int | None = Field(default=None, ge=0, lt=2**63)
    tags: Annotated[tuple[str, ...], BeforeValidator(_tags)] | None = None
    language: Annotated[str, AfterValidator(spelled_language)] | None = None

    @field_validator("external_id", "formerly")
    @classmethod
    def _name(cls, value: str | None) -> str | None:
        if value is None:
            return None
        return checked_id(value)

    @field_validator("uri")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if _has_controls(value):
            raise ValueError("must not have control characters; percent-encode them")
        url = _URL.match(value)
        if url and url["scheme"].lower() in _RUNS:
            raise ValueError("must lead to a document; a script is none")
        return value

    @field_validator("modified_at")
    @classmethod
    def _in_utc(cls, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        try:
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        except OverflowError as error:
            raise ValueError("must lie between the years 1 and 9999") from error

    @model_validator(mode="after")
    def _one_content(self) -> Row:
        if sum(getattr(self, name) is not None for name in CONTENT) > 1:
            raise ValueError(f"give one of {', '.join(CONTENT)}")
        return self

    @property
    def is_link(self) -> bool:
        """Whether ``uri`` is a URL."""
        return self.uri is not None and _URL.fullmatch(self.uri) is not None

    def inline(self) -> bytes | None:
        """The content the row holds itself; None if it holds none.

        Raises:
            RowError: it is not base64.
        """
        if self.text is not None:
            # A lone surrogate cannot be written; a replacement can be read and is told apart.
            return self.text.encode("utf-8", "replace")
        if self.content_base64 is not None:
            try:
                return base64.b64decode(self.content_base64, validate=True)
            except binascii.Error as error:
                raise RowError("content_base64: is not base64; encode it again") from error
        return self.content


def read_row(values: Mapping[str, Any]) -> Row:
    """Read a row. What is null is absent.

    Raises:
        RowError: a field is unknown, missing or malformed; names it, and never its value.
    """
    try:
        return Row.model_validate({k: v for k, v in values.items() if v is not None})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "content"
        raise RowError(f"{field[:80]}: {_what(first['type'], first['msg'])}") from None


def checked_id(value: object) -> str:
    """Return the name of a document in NFC.

    Raises:
        ValueError: it cannot be one; says why.
    """
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID:
        raise ValueError(f"must be text of 1 to {MAX_ID} characters")
    if _has_controls(value):
        raise ValueError("must not have control characters; leave them out")
    if value.endswith("/"):
        # A name like this stands for a folder, and for everything in it.
        raise ValueError("must not end with a slash; leave it out")
    return unicodedata.normalize("NFC", value)


def name_of(values: Mapping[str, Any]) -> str | None:
    """The name a broken row can be reported under, if it has one that holds."""
    try:
        return checked_id(values.get("external_id"))
    except ValueError:
        return None


def _has_controls(text: str) -> bool:
    if text.isprintable():
        return False
    return any(unicodedata.category(char) in {"Cc", "Cs"} for char in text)


def _what(code: str, message: str) -> str:
    if code == "extra_forbidden":
        known = ", ".join(Row.model_fields)
        return f"is unknown; the fields are {known} (or list it under ignore)"
    if code == "missing":
        return "is missing; give it"
    return message.removeprefix("Value error, ")
