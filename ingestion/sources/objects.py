"""Any storage that fsspec reaches as a source, labelled by the ``.acl.yaml`` files in it.

An object store has no folders, only names with slashes; they are walked as if they were some, so
that the same ``.acl.yaml`` means the same there as in a folder. The names of its ACLs begin with
``fsspec:SOURCE``. What never lives here: files of this machine, which the kind ``folder`` reads
without following links, or a secret.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, Field

from ingestion.documents import SourceFailure, SourceItem
from ingestion.errors import AclFileError, SourceError
from ingestion.parsing.limits import ParseLimits
from ingestion.sources.acl_file import MAX_BYTES
from ingestion.sources.address import checked_url
from ingestion.sources.hops import Hops
from ingestion.sources.kind import PrincipalText, SourceKind, checked_name, entries
from ingestion.sources.object_tree import ObjectFile, ObjectFolder, walk
from ingestion.sources.sidecars import SIDECAR, Label, Labels, closed, sidecar_of
from ingestion.sources.storage import StorageConfig, file_system, join, read_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ingestion.documents import AclSpec

_MARKS: Final = ("ETag", "etag", "md5Hash", "md5", "content_md5", "checksum", "version_id")
_TIMES: Final = ("LastModified", "last_modified", "mtime", "modified", "updated", "created")


class ObjectsConfig(StorageConfig):
    """How storage is configured.

    Attributes:
        url: Where the documents are, such as ``s3://bucket/folder``.
        allow: Principals that everything there is open to.
        deny: Principals that it is closed to.
        max_bytes: Larger objects are reported without being read.
    """

    url: Annotated[str, AfterValidator(checked_url)]
    allow: tuple[PrincipalText, ...] = ()
    deny: tuple[PrincipalText, ...] = ()
    max_bytes: int = Field(default=ParseLimits().max_bytes, gt=0)


class ObjectsSource:
    """The objects below one URL.

    Attributes:
        name: The source's name.
    """

    def __init__(self, name: str, config: ObjectsConfig) -> None:
        self.name = checked_name(name)
        self._config = config
        given = (*entries("allow", config.allow), *entries("deny", config.deny))
        self._labels: Labels[ObjectFolder] = Labels(f"fsspec:{name}", given, self._read_sidecar)

    def acls(self) -> Sequence[AclSpec]:
        """Return the ACLs of all folders and overrides, parents first.

        Raises:
            SourceError: The storage cannot be listed.
        """
        return self._labels.specs(self._folders())

    def list_items(self) -> Iterator[SourceItem | SourceFailure]:
        """Yield the objects in the order of their paths, folder by folder, and what fails.

        Raises:
            SourceError: The storage cannot be listed.
        """
        for folder, label, above in self._labels.labelled(self._folders()):
            if label.problem is not None and above.problem is None:
                yield closed(label.problem.file, label.problem)
            yield from folder.failures
            for file in folder.files:
                if label.problem is not None:
                    yield closed(file.relative, label.problem)
                else:
                    yield self._offer(file, label)

    def fetch(self, item: SourceItem) -> bytes:
        """Return the bytes of a listed object.

        Raises:
            SourceError: It is gone, unreadable, too large, or was never listed.
        """
        system, root = self._storage
        if item.place is None or not item.place.startswith(f"{root}/"):
            raise SourceError(f"{item.external_id}: was not listed by this source; list it again")
        spelt = unicodedata.normalize("NFC", item.place.removeprefix(f"{root}/"))
        if spelt != item.external_id:
            raise SourceError(f"{item.external_id}: is at another place; list it again")
        limit = self._config.max_bytes
        return read_object(system, item.place, name=item.external_id, limit=limit)

    @cached_property
    def _storage(self) -> tuple[Any, str]:
        """The file system, and where in it the documents are."""
        url = self._config.url
        hops = Hops(
            (f"{url.rstrip('/')}/",),
            "url: was redirected out of the source; configure the address it leads to",
        )
        system, path = file_system(url, self._config.resolved(), hops)
        return system, path.rstrip("/")

    def _folders(self) -> Iterator[ObjectFolder]:
        return walk(*self._storage)

    def _offer(self, file: ObjectFile, label: Label) -> SourceItem | SourceFailure:
        if file.size > self._config.max_bytes:
            message = (
                f"{file.size} bytes exceed the limit of {self._config.max_bytes}; split the file or"
                " raise max_bytes"
            )
            return SourceFailure(file.relative, "too_large", message)
        modified_at = _modified_at(file.info)
        return SourceItem(
            external_id=file.relative,
            uri=join(self._config.url.rstrip("/"), file.relative),
            acl=label.acl_of(file.name),
            size=file.size,
            modified_at=modified_at,
            revision=_revision(file.info, modified_at, file.size),
            place=file.path,
        )

    def _read_sidecar(self, folder: ObjectFolder) -> bytes:
        name = sidecar_of(folder)
        try:
            return read_object(
                self._storage[0], join(folder.path, SIDECAR), name=name, limit=MAX_BYTES
            )
        except SourceError as error:
            raise AclFileError(f"cannot be read ({error.message})", file=name) from error


def _revision(info: Mapping[str, Any], modified_at: datetime | None, size: int) -> str | None:
    """What the storage states about the content: a checksum, else when it was written."""
    for mark in _MARKS:
        if info.get(mark):
            return f"{mark.lower()}:{str(info[mark]).strip(chr(34))}"[:256]
    if modified_at is None:
        return None
    return f"written:{modified_at.isoformat()}+{size}"


def _modified_at(info: Mapping[str, Any]) -> datetime | None:
    for name in _TIMES:
        value = info.get(name)
        try:
            if isinstance(value, str):
                value = datetime.fromisoformat(value)
            if isinstance(value, datetime):
                return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
            if isinstance(value, int | float):
                return datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError):
            continue
    return None


KIND = SourceKind(ObjectsConfig, ObjectsSource)
