"""Walking the names of an object store as if they were folders: order, odd names, odd objects.

One request a folder, and nothing remembered beyond the folders that are still to be walked. What
never lives here: permissions, or reading any object.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ingestion.documents import SourceFailure
from ingestion.errors import SourceError
from ingestion.sources.hops import refused
from ingestion.sources.storage import join, why
from ingestion.sources.tree import SIDECAR_LIKE, SKIPPED_FOLDERS, is_printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class ObjectFile:
    """An object.

    Attributes:
        name: The last part of its name, in NFC.
        relative: Its name below the root, in NFC.
        path: Its name as the storage has it.
        size: Bytes.
        info: What the storage says of it.
    """

    name: str
    relative: str
    path: str
    size: int
    info: Mapping[str, Any]


@dataclass(slots=True)
class ObjectFolder:
    """What the names that share a prefix are; the attributes are those of ``TreeFolder``."""

    relative: str
    path: str
    files: list[ObjectFile] = field(default_factory=list)
    sidecar_names: list[str] = field(default_factory=list)
    failures: list[SourceFailure] = field(default_factory=list)
    subfolders: list[tuple[str, str]] = field(default_factory=list)

    @property
    def parent(self) -> str:
        """The ``relative`` of the folder above; the root's is empty too."""
        return self.relative.rpartition("/")[0]

    @property
    def sidecars(self) -> tuple[str, ...]:
        """Names that are, or look as if meant to be, an ``.acl.yaml``."""
        return tuple(self.sidecar_names)

    def sort(self, listing: list[Mapping[str, Any]]) -> None:
        """Sort what the storage lists here into files, subfolders, sidecars and failures."""
        found = sorted(
            (
                (unicodedata.normalize("NFC", raw), raw, info.get("type") == "directory", info)
                for info in listing
                if (raw := self._name(info)) is not None
            ),
            key=lambda each: each[:3],
        )
        seen: set[tuple[str, bool]] = set()
        for name, raw, is_folder, info in found:
            mark = "/" if is_folder else ""
            if name.lower() in SIDECAR_LIKE:
                self.sidecar_names.append(name)
            elif not name or name == ".." or "/" in raw:
                message = "a part of the name is empty or leads elsewhere; rename it"
                self._fail((name.strip("/") or "unnamed") + mark, "name_invalid", message)
            elif name.startswith(".") or name in SKIPPED_FOLDERS:
                continue
            elif not is_printable(name):
                message = "the name is not valid UTF-8 or has control characters; rename it"
                self._fail(ascii(name)[1:-1] + mark, "name_invalid", message)
            elif (name, is_folder) in seen:
                message = "two names here differ in Unicode normalisation only; rename one"
                self._fail(name + mark, "name_collision", message)
            else:
                seen.add((name, is_folder))
                self._take(name, info, is_folder=is_folder)

    def _take(self, name: str, info: Mapping[str, Any], *, is_folder: bool) -> None:
        relative = join(self.relative, name)
        path = str(info["name"]).rstrip("/")
        if is_folder:
            self.subfolders.append((path, relative))
        elif info.get("islink") or info.get("type") != "file":
            self._fail(name, "not_a_file", "a link or device; copy the file here")
        else:
            size = info.get("size")
            self.files.append(ObjectFile(name, relative, path, int(size or 0), info))

    def _name(self, info: Mapping[str, Any]) -> str | None:
        """What follows this folder in an entry's name; None for the marker of the folder itself.

        Some stores mark an empty folder by an object whose name ends with a slash.
        """
        name = str(info["name"])
        if name.rstrip("/") == self.path.rstrip("/"):
            # A further slash makes a folder without a name, which holds what has one.
            return "" if info.get("type") == "directory" and name.endswith("/") else None
        return name.removeprefix(self.path.rstrip("/") + "/").removesuffix("/")

    def _fail(self, name: str, code: str, message: str) -> None:
        self.failures.append(SourceFailure(join(self.relative, name), code, message))


def walk(system: Any, root: str) -> Iterator[ObjectFolder]:
    """Yield the root and every folder below it, parents first, in the order of their names.

    Raises:
        SourceError: the root cannot be listed.
    """
    system.invalidate_cache()
    pending = [(root, "")]
    while pending:
        path, relative = pending.pop()
        folder = ObjectFolder(relative, path)
        try:
            folder.sort(system.ls(path, detail=True))
        except Exception as error:  # each implementation has errors of its own
            led_away = refused(error)
            if led_away is not None and not relative:
                raise SourceError(led_away.message, code=led_away.code) from error
            if not relative:
                raise SourceError(
                    f"url: cannot be listed ({why(error)}); check the address and the credentials"
                ) from error
            message = f"the folder cannot be listed ({why(error)}); run again later"
            folder.failures.append(SourceFailure(f"{relative}/", "unreadable", message))
        yield folder
        # Last pushed, first walked.
        pending.extend(reversed(folder.subfolders))
