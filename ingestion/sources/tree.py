"""Walking a folder tree without being led out of it: order, links, odd names, odd files.

No link is ever followed. One that points at a file elsewhere in the tree would show that file
under the permissions of the place the link stands, to whoever can make links there; its target is
listed where it stands itself. What never lives here: permissions, or reading any file.
"""

import errno
import os
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ingestion.documents import SourceFailure
from ingestion.errors import SourceError

SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", "CVS"})  # and all that are hidden
SIDECAR_LIKE = frozenset({".acl", ".acl.yaml", ".acl.yml", ".acl.json", ".acl.toml"})


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A regular, readable file."""

    name: str
    relative: str
    path: Path
    size: int
    modified_at: datetime | None


@dataclass(frozen=True, slots=True)
class TreeFolder:
    """One folder: what it holds and what in it cannot be offered.

    Attributes:
        relative: POSIX path below the root in NFC; empty for the root.
        path: Where it is on disk.
        files: Sorted by name.
        sidecars: Names that are, or look as if meant to be, an ``.acl.yaml``.
        failures: Sorted by external id. That of a folder ends with a slash: nothing beneath it was
            seen, so nothing beneath it is known to be gone.
    """

    relative: str
    path: Path
    files: tuple[TreeFile, ...]
    sidecars: tuple[str, ...]
    failures: tuple[SourceFailure, ...]

    @property
    def parent(self) -> str:
        """The ``relative`` of the folder above; the root's is empty too."""
        return self.relative.rpartition("/")[0]


def walk(root: Path) -> Iterator[TreeFolder]:
    """Yield ``root`` and every folder below it, parents first, in the order of their names.

    Raises:
        SourceError: ``root`` is not a folder or cannot be listed.
    """
    if not root.is_dir():
        raise SourceError(f"root: {root} is not a folder; name an existing one")
    pending = [(root, "")]
    while pending:
        path, relative = pending.pop()
        listing = _Listing(root, path, relative)
        try:
            listing.read()
        except OSError as error:
            if not relative:
                raise SourceError(f"root: {root} cannot be listed ({_why(error)})") from error
            message = f"the folder cannot be listed ({_why(error)}); grant read permission"
            yield TreeFolder(
                relative, path, (), (), (SourceFailure(f"{relative}/", "unreadable", message),)
            )
            continue
        yield listing.folder()
        # Last pushed, first walked.
        pending.extend(reversed(listing.subfolders))


class _Listing:
    """What one folder holds, sorted out."""

    def __init__(self, root: Path, path: Path, relative: str) -> None:
        self._root = root
        self._path = path
        self._relative = relative
        self._files: list[TreeFile] = []
        self._failures: list[SourceFailure] = []
        self._sidecars: list[str] = []
        self.subfolders: list[tuple[Path, str]] = []

    def folder(self) -> TreeFolder:
        return TreeFolder(
            self._relative,
            self._path,
            tuple(self._files),
            tuple(self._sidecars),
            tuple(sorted(self._failures, key=lambda failure: failure.external_id)),
        )

    def read(self) -> None:
        """Sort every entry into files, subfolders, sidecars and failures."""
        with os.scandir(self._path) as entries:
            found = sorted(
                (
                    (unicodedata.normalize("NFC", entry.name), entry.name, entry)
                    for entry in entries
                ),
                key=lambda each: each[:2],
            )
        seen: set[str] = set()
        for name, _, entry in found:
            if name.lower() in SIDECAR_LIKE:
                self._sidecars.append(name)
            elif name.startswith(".") or name in SKIPPED_FOLDERS:
                continue
            elif not is_printable(name):
                self._fail(
                    ascii(name)[1:-1] + _slash(entry),
                    "name_invalid",
                    "the name is not valid UTF-8 or has control characters; rename it",
                )
            elif name in seen:
                self._fail(
                    name + _slash(entry),
                    "name_collision",
                    "two names here differ in Unicode normalisation only; rename one",
                )
            else:
                seen.add(name)
                self._sort(name, entry)

    def _sort(self, name: str, entry: os.DirEntry[str]) -> None:
        relative = f"{self._relative}/{name}" if self._relative else name
        path = Path(entry.path)
        try:
            if entry.is_symlink():
                self._link(name, path)
            elif entry.is_dir(follow_symlinks=False):
                self.subfolders.append((path, relative))
            else:
                self._file(name, relative, path, entry.stat(follow_symlinks=False))
        except OSError as error:
            self._fail(name, "unreadable", f"cannot be examined ({_why(error)})")

    def _file(self, name: str, relative: str, path: Path, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            self._fail(name, "not_a_file", "a device, pipe or socket; move it elsewhere")
        elif not os.access(path, os.R_OK):
            self._fail(name, "unreadable", "cannot be read; grant read permission")
        else:
            instant = _instant(status.st_mtime)
            self._files.append(TreeFile(name, relative, path, status.st_size, instant))

    def _link(self, name: str, path: Path) -> None:
        """Report a link that leads nowhere, round in a circle or outside; pass over any other."""
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError) as error:
            looped = isinstance(error, RuntimeError) or error.errno == errno.ELOOP
            if looped:
                self._fail(name, "link_loop", "the link leads back to itself; remove it")
            else:
                self._fail(name, "link_broken", "the link leads nowhere; remove it")
            return
        if not target.is_relative_to(self._root):
            self._fail(
                name,
                "link_outside",
                "the link leaves the folder and is not followed; copy the file here, or add its"
                " folder as a source",
            )
        elif self._path.is_relative_to(target):
            self._fail(name, "link_loop", "the link leads to a folder it stands in; remove it")

    def _fail(self, name: str, code: str, message: str) -> None:
        external_id = f"{self._relative}/{name}" if self._relative else name
        self._failures.append(SourceFailure(external_id, code, message))


def _slash(entry: os.DirEntry[str]) -> str:
    return "/" if entry.is_dir(follow_symlinks=False) else ""


def is_printable(name: str) -> bool:
    """Tell whether a name can be stored and shown: valid UTF-8 without control characters."""
    return not any(unicodedata.category(char) in {"Cc", "Cs"} for char in name)


def _instant(timestamp: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(timestamp, UTC)
    except (OverflowError, ValueError, OSError):  # file systems hold years that calendars do not
        return None


def _why(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
