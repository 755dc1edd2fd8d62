"""A folder of files as a source, labelled by the ``.acl.yaml`` files that stand in it.

The names of its ACLs begin with ``folder:SOURCE``. What never lives here: deciding who is
admitted, or indexing anything unlabelled.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from acl.errors import InvalidPrincipalError
from ingestion.documents import AclEffect, AclEntrySpec, AclSpec, SourceFailure, SourceItem
from ingestion.errors import AclFileError, SourceError
from ingestion.parsing.limits import ParseLimits
from ingestion.sources.acl_file import MAX_BYTES, parse_principal
from ingestion.sources.beneath import read_beneath, read_file
from ingestion.sources.kind import KindConfig, PrincipalText, SourceKind, checked_name
from ingestion.sources.sidecars import SIDECAR, Label, Labels, closed, sidecar_of
from ingestion.sources.tree import TreeFile, TreeFolder, walk


class FolderSource:
    """The files below one folder.

    Attributes:
        name: The source's name.
    """

    def __init__(
        self,
        root: Path,
        *,
        name: str,
        allow: Sequence[str] = (),
        deny: Sequence[str] = (),
        acl_prefix: str | None = None,
        max_bytes: int = ParseLimits().max_bytes,
    ) -> None:
        """Describe the source; the folder is not touched yet.

        Args:
            root: The folder. May itself be reached by a link; nothing below it may.
            name: Letters, digits, dots, dashes and underscores.
            allow: Principals the whole folder is open to, as if its root's ``.acl.yaml`` said so.
            deny: Principals it is closed to, likewise.
            acl_prefix: What ACL names begin with; by default ``folder:NAME``.
            max_bytes: Larger files are reported without being read.

        Raises:
            SourceError: The name or a principal is malformed.
        """
        self.name = checked_name(name)
        self._root = root.resolve()
        given = (*_entries("allow", allow), *_entries("deny", deny))
        self._labels = Labels(acl_prefix or f"folder:{name}", given, _read_sidecar)
        self._max_bytes = max_bytes

    def acls(self) -> Sequence[AclSpec]:
        """Return the ACLs of all folders and overrides, parents first.

        Raises:
            SourceError: The folder cannot be listed.
        """
        return self._labels.specs(walk(self._root))

    def list_items(self) -> Iterator[SourceItem | SourceFailure]:
        """Yield the files in the order of their paths, folder by folder, and what fails.

        Raises:
            SourceError: The folder cannot be listed.
        """
        for folder, label, above in self._labels.labelled(walk(self._root)):
            if label.problem is not None and above.problem is None:
                yield closed(label.problem.file, label.problem)
            yield from folder.failures
            for file in folder.files:
                if label.problem is not None:
                    yield closed(file.relative, label.problem)
                else:
                    yield self._offer(file, label)

    def fetch(self, item: SourceItem) -> bytes:
        """Return the bytes of a listed file, reached without following any link.

        Raises:
            SourceError: It is gone, unreadable, too large, or no longer a file below the folder.
        """
        return read_beneath(self._root, item.external_id, limit=self._max_bytes)

    def _offer(self, file: TreeFile, label: Label) -> SourceItem | SourceFailure:
        if file.size > self._max_bytes:
            message = (
                f"{file.size} bytes exceed the limit of {self._max_bytes}; split the file or raise"
                " the limit"
            )
            return SourceFailure(file.relative, "too_large", message)
        return SourceItem(
            external_id=file.relative,
            uri=file.path.as_uri(),
            acl=label.acl_of(file.name),
            size=file.size,
            modified_at=file.modified_at,
        )


def _entries(effect: AclEffect, principals: Sequence[str]) -> list[AclEntrySpec]:
    try:
        return [AclEntrySpec(effect, parse_principal(principal)) for principal in principals]
    except InvalidPrincipalError as error:
        raise SourceError(f"{effect}: {error}") from error


def _read_sidecar(folder: TreeFolder) -> bytes:
    try:
        return read_file(folder.path / SIDECAR, limit=MAX_BYTES)
    except (OSError, SourceError) as error:
        message = f"cannot be read ({type(error).__name__}); it must be a plain, readable file"
        raise AclFileError(message, file=sidecar_of(folder)) from error


class FolderConfig(KindConfig):
    """How a folder is configured.

    Attributes:
        root: The folder; made absolute.
        allow: Principals that the whole folder is open to.
        deny: Principals that it is closed to.
    """

    root: Annotated[Path, AfterValidator(Path.resolve)]
    allow: tuple[PrincipalText, ...] = ()
    deny: tuple[PrincipalText, ...] = ()


def _open_folder(name: str, config: FolderConfig) -> FolderSource:
    return FolderSource(config.root, name=name, allow=config.allow, deny=config.deny)


KIND = SourceKind(FolderConfig, _open_folder)
