"""A folder of files as a source, labelled by the ``.acl.yaml`` files that stand in it.

A folder with an ``.acl.yaml`` has an ACL named ``folder:SOURCE:PATH`` whose parent is that of the
nearest folder above; an override for files has one named ``folder:SOURCE:PATH#PATTERN`` beneath it.
A file stands under the nearest; under none at all it is unlabelled. Where an ``.acl.yaml`` cannot
be obeyed, everything beneath is reported and nothing of it offered. What never lives here:
deciding who is admitted, or indexing anything unlabelled.
"""

import os
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from acl.errors import InvalidPrincipalError
from ingestion.documents import AclEffect, AclEntrySpec, AclSpec, SourceFailure, SourceItem
from ingestion.errors import AclFileError, SourceError
from ingestion.parsing.limits import ParseLimits
from ingestion.sources.acl_file import MAX_BYTES, AclFile, parse_acl_file, parse_principal
from ingestion.sources.kind import KindConfig, PrincipalText, SourceKind, checked_name
from ingestion.sources.tree import TreeFile, TreeFolder, walk

SIDECAR = ".acl.yaml"
# A pipe put in the place of a file would otherwise block the run for ever.
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OPEN_FOLDER = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class _Label:
    """What holds for the files of one folder.

    Attributes:
        acl: Name of the ACL they stand under, overrides aside; None means unlabelled.
        sidecar: The ``.acl.yaml`` of this very folder; its overrides apply here alone.
        problem: Why nothing here or beneath may be offered.
    """

    acl: str | None = None
    sidecar: AclFile | None = None
    problem: AclFileError | None = None


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
        self._prefix = acl_prefix or f"folder:{name}"
        self._given = (*_entries("allow", allow), *_entries("deny", deny))
        self._max_bytes = max_bytes

    def acls(self) -> Sequence[AclSpec]:
        """Return the ACLs of all folders and overrides, parents first.

        Raises:
            SourceError: The folder cannot be listed.
        """
        specs: list[AclSpec] = []
        for folder, label, above in self._labelled():
            has_own = label.sidecar is not None or (not folder.relative and self._given)
            if label.problem is not None or label.acl is None or not has_own:
                continue
            sidecar = label.sidecar or AclFile(inherit=True, entries=(), files=())
            entries = sidecar.entries if folder.relative else (*self._given, *sidecar.entries)
            specs.append(AclSpec(label.acl, above.acl, sidecar.inherit, entries))
            specs.extend(
                AclSpec(f"{label.acl}#{rule.pattern}", label.acl, rule.inherit, rule.entries)
                for rule in sidecar.files
            )
        return specs

    def list_items(self) -> Iterator[SourceItem | SourceFailure]:
        """Yield the files in the order of their paths, folder by folder, and what fails.

        Raises:
            SourceError: The folder cannot be listed.
        """
        for folder, label, above in self._labelled():
            if label.problem is not None and above.problem is None:
                yield _closed(label.problem.file, label.problem)
            yield from folder.failures
            for file in folder.files:
                if label.problem is not None:
                    yield _closed(file.relative, label.problem)
                else:
                    yield self._offer(file, label)

    def fetch(self, item: SourceItem) -> bytes:
        """Return the bytes of a listed file, reached without following any link.

        Raises:
            SourceError: It is gone, unreadable, too large, or no longer a file below the folder.
        """
        *folders, name = item.external_id.split("/")
        try:
            with ExitStack() as stack:
                at = _opened(stack, os.open(self._root, _OPEN_FOLDER))
                for folder in folders:
                    at = _opened(stack, _open_at(at, folder, _OPEN_FOLDER))
                return _read(_opened(stack, _open_at(at, name, _OPEN_FILE)), self._max_bytes)
        except OSError as error:
            why = (error.strerror or type(error).__name__).lower()
            raise SourceError(
                f"{item.external_id}: cannot be fetched ({why}); run again once it is back"
            ) from error

    def _labelled(self) -> Iterator[tuple[TreeFolder, _Label, _Label]]:
        """Yield each folder with its label and the label of the folder above."""
        labels: dict[str, _Label] = {}
        for folder in walk(self._root):
            above = labels[folder.parent] if folder.relative else _Label()
            label = labels[folder.relative] = self._label(folder, above)
            yield folder, label, above

    def _label(self, folder: TreeFolder, above: _Label) -> _Label:
        if above.problem is not None:
            return _Label(problem=above.problem)
        try:
            sidecar = _read_sidecar(folder)
        except AclFileError as error:
            return _Label(problem=error)
        if sidecar is None and (folder.relative or not self._given):
            return _Label(acl=above.acl)
        # `#` sets overrides apart, so it must not come from a folder's own name.
        path = folder.relative.replace("%", "%25").replace("#", "%23") or "/"
        return _Label(acl=f"{self._prefix}:{path}", sidecar=sidecar)

    def _offer(self, file: TreeFile, label: _Label) -> SourceItem | SourceFailure:
        if file.size > self._max_bytes:
            message = (
                f"{file.size} bytes exceed the limit of {self._max_bytes}; split the file or raise"
                " the limit"
            )
            return SourceFailure(file.relative, "too_large", message)
        rule = label.sidecar.rule_for(file.name) if label.sidecar else None
        return SourceItem(
            external_id=file.relative,
            uri=file.path.as_uri(),
            acl=f"{label.acl}#{rule.pattern}" if rule else label.acl,
            size=file.size,
            modified_at=file.modified_at,
        )


def _entries(effect: AclEffect, principals: Sequence[str]) -> list[AclEntrySpec]:
    try:
        return [AclEntrySpec(effect, parse_principal(principal)) for principal in principals]
    except InvalidPrincipalError as error:
        raise SourceError(f"{effect}: {error}") from error


def _closed(external_id: str, problem: AclFileError) -> SourceFailure:
    message = f"not offered, because its permissions cannot be read: {problem}"
    return SourceFailure(external_id, problem.code, message)


def _read_sidecar(folder: TreeFolder) -> AclFile | None:
    """Return what the folder's ``.acl.yaml`` says; None if there is none.

    Raises:
        AclFileError: It is malformed or unreadable, or something that looks meant as one is not
            named as one: passing over it would open what somebody meant to close.
    """
    for name in folder.sidecars:
        if name != SIDECAR:
            message = f"looks meant as permissions but is not read; name it {SIDECAR}"
            raise AclFileError(message, file=_join(folder.relative, name))
    if not folder.sidecars:
        return None
    file = _join(folder.relative, SIDECAR)
    try:
        with ExitStack() as stack:
            descriptor = _opened(stack, os.open(folder.path / SIDECAR, _OPEN_FILE))
            content = _read(descriptor, MAX_BYTES)
    except (OSError, SourceError) as error:
        message = f"cannot be read ({type(error).__name__}); it must be a plain, readable file"
        raise AclFileError(message, file=file) from error
    return parse_acl_file(content, file=file)


def _opened(stack: ExitStack, descriptor: int) -> int:
    stack.callback(os.close, descriptor)
    return descriptor


def _open_at(folder: int, name: str, flags: int) -> int:
    """Open ``name`` in a folder, whatever Unicode normalisation the disk has for it.

    Raises:
        OSError: It is not there, is a link, or may not be opened.
    """
    if name in {"", ".", ".."}:
        raise FileNotFoundError(2, "no such file")
    try:
        return os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        for actual in sorted(os.listdir(folder)):
            if unicodedata.normalize("NFC", actual) == name:
                return os.open(actual, flags, dir_fd=folder)
        raise


def _read(descriptor: int, limit: int) -> bytes:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise SourceError("no longer a plain file; run again once it is back")
    with os.fdopen(os.dup(descriptor), "rb") as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise SourceError(f"more than {limit} bytes; split the file or raise the limit")
    return content


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


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
