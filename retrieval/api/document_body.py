"""A pushed document as clients write it: JSON, the same alone and as a line of a batch."""

import base64
import binascii
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote

from fastapi.exceptions import RequestValidationError
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from acl.entries import MAX_NAME_LENGTH
from ingestion.deliveries import Delete, Delivery, Put
from ingestion.documents import AclEffect, AclEntrySpec, SourceItem
from ingestion.labels import MAX_TAGS, spelled_language, spelled_tags
from ingestion.push_acls import PushedAcl, anonymous

MAX_ID_CHARS = 1024
MAX_URI_CHARS = 2048
MAX_SEQUENCE = 2**63 - 1
_MAX_ENTRIES = 1000
_ACTIVE = ("javascript:", "data:", "vbscript:", "blob:")


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("give printable characters alone")
    return text


def _leads_somewhere(uri: str) -> str:
    # It is shown as a link to whoever is served the document.
    if uri.lower().startswith(_ACTIVE):
        raise ValueError("give where a person finds the original, not something to be run")
    return _printable(uri)


def _decoded(written: object) -> object:
    if not isinstance(written, str):
        return written
    try:
        return base64.b64decode(written, validate=True)
    except binascii.Error:
        raise ValueError("give base64 as of RFC 4648, section 4, without line breaks") from None


def _written_short(entry: object) -> object:
    return {"principal": entry} if isinstance(entry, str) else entry


ExternalId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_ID_CHARS),
    AfterValidator(_printable),
]
Sequence = Annotated[int, Field(ge=0, le=MAX_SEQUENCE)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PushedEntry(_Strict):
    """Who is allowed or denied, and until when. A plain string is short for the principal alone."""

    principal: str = Field(description="user:ID, group:ID, service:ID or everyone.")
    expires_at: AwareDatetime | None = None


_Entries = Annotated[
    list[Annotated[PushedEntry, BeforeValidator(_written_short)]], Field(max_length=_MAX_ENTRIES)
]


class PushedEntries(_Strict):
    """Who may see a document. Nobody else may: it stands under no other ACL."""

    allow: _Entries
    deny: _Entries = []

    def specs(self) -> tuple[AclEntrySpec, ...]:
        """As the core knows them."""
        lists: tuple[tuple[AclEffect, _Entries], ...] = (("allow", self.allow), ("deny", self.deny))
        return tuple(
            AclEntrySpec(effect, entry.principal, entry.expires_at)
            for effect, entries in lists
            for entry in entries
        )


class DocumentBody(_Strict):
    """A document as it is now."""

    text: str | None = Field(default=None, description="The content, if it is text.")
    content_base64: Annotated[bytes, BeforeValidator(_decoded)] | None = Field(
        default=None, description="The content's bytes, in base64. Give this or text."
    )
    media_type: Annotated[str, StringConstraints(pattern=r"^[\w.+-]+/[\w.+-]+$")] | None = Field(
        default=None, max_length=255, description="Null leaves it to name and content."
    )
    title: Annotated[str, AfterValidator(_printable)] | None = Field(
        default=None, max_length=1000, description="Null leaves it to the document."
    )
    uri: Annotated[str, AfterValidator(_leads_somewhere)] | None = Field(
        default=None, max_length=MAX_URI_CHARS, description="Where a person finds the original."
    )
    tags: Annotated[tuple[str, ...], AfterValidator(spelled_tags)] | None = Field(
        default=None,
        max_length=MAX_TAGS,
        description="What it is about, to be filtered by. Null leaves it to the document.",
        examples=[["travel", "finance"]],
    )
    language: Annotated[str, AfterValidator(spelled_language)] | None = Field(
        default=None,
        max_length=35,
        description="What language it is in, such as de. Null leaves it to the document.",
    )
    acl: (
        PushedEntries | Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME_LENGTH)]
    ) = Field(description="Who may see it, or the name of an ACL that the source may use.")
    modified_at: AwareDatetime | None = Field(
        default=None, description="When it was last modified; its sequence, if none is given."
    )
    sequence: Sequence | None = Field(
        default=None,
        description="Its place in the source's own order: a lower one that comes later is late, "
        "and changes nothing. Without it and modified_at, what arrives last counts.",
    )

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        if (self.text is None) == (self.content_base64 is None):
            raise ValueError("give text or content_base64, one of them")
        return self

    def delivery(self, source: str, external_id: str) -> Put:
        """As the core knows it.

        Raises:
            InvalidPrincipalError, InvalidAclError: an entry cannot be one.
        """
        content = self.content_base64 if self.text is None else self.text.encode()
        assert content is not None  # noqa: S101 - the validator above has seen to it
        item = SourceItem(
            external_id=external_id,
            uri=self.uri or f"push:{quote(source, safe='')}/{quote(external_id)}",
            acl=None,
            size=len(content),
            modified_at=self.modified_at,
            media_type=self.media_type,
            title=self.title,
            sequence=self.sequence,
            tags=self.tags,
            language=self.language,
        )
        acl: PushedAcl = (
            self.acl if isinstance(self.acl, str) else anonymous(source, self.acl.specs())
        )
        return Put(item, content, acl)


class PutLine(DocumentBody):
    """A line of a batch: a document as it is now."""

    id: ExternalId = Field(description="Its name in the source.")


class DeleteLine(_Strict):
    """A line of a batch: word that a document is gone."""

    id: ExternalId
    delete: Literal[True]
    sequence: Sequence | None = None


_TAGS = frozenset({"put", "delete"})


def _kind(line: Any) -> str:
    return "delete" if isinstance(line, dict) and "delete" in line else "put"


LINE: TypeAdapter[PutLine | DeleteLine] = TypeAdapter(
    Annotated[
        Annotated[PutLine, Tag("put")] | Annotated[DeleteLine, Tag("delete")],
        Discriminator(_kind),
    ]
)


def read_document(body: bytes, *, source: str, external_id: str) -> Put:
    """The delivery that the body of a PUT makes.

    Raises:
        RequestValidationError: it is not what it should be; fields are named, values not repeated.
        InvalidPrincipalError, InvalidAclError: as of :meth:`DocumentBody.delivery`.
    """
    try:
        return DocumentBody.model_validate_json(body).delivery(source, external_id)
    except ValidationError as error:
        raise _refused(error, within=("body",)) from None


def read_line(line: bytes, *, source: str) -> Delivery:
    """The delivery that one line of a batch makes; raises as :func:`read_document`."""
    try:
        read = LINE.validate_json(line)
    except ValidationError as error:
        raise _refused(error, within=("line",)) from None
    if isinstance(read, DeleteLine):
        return Delete(read.id, read.sequence)
    return read.delivery(source, read.id)


def _refused(error: ValidationError, *, within: tuple[str, ...]) -> RequestValidationError:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return RequestValidationError(
        [
            # The two tags say which kind of line was read, and are in no line.
            {**one, "loc": (*within, *(part for part in one["loc"] if part not in _TAGS))}
            for one in found
        ]
    )
