"""Backups: one archive of the databases and, if asked for, the keys; and making a directory of it.

A database is copied by SQLite's own online backup, in one snapshot: readers and writers go on, and
everything acknowledged before the copy began is in it. The index is left out, for the catalogue is
enough to make it again. A manifest names every file with its hash; restoring takes nothing on
trust: neither a name, nor a length, nor a byte.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Final

from ingestion.errors import BackupError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

MANIFEST: Final = "manifest.json"
KEYS: Final = "signing"
FORMAT: Final = 1
_MAX_MANIFEST: Final = 1 << 20
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a backup: its length in bytes and its SHA-256."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds.

    Attributes:
        created_at: ISO 8601, when the copying began; what was acknowledged before is in it.
        software: the version that made it.
        schema: the revision of its databases.
        keys: whether the signing keys are in it.
        files: by name.
        format: of this manifest.
    """

    created_at: str
    software: str
    schema: str
    keys: bool
    files: dict[str, StoredFile] = field(default_factory=dict)
    format: int = FORMAT


def make_backup(
    target: Path,
    *,
    databases: Mapping[str, Path],
    keys: Path | None,
    software: str,
    schema: str,
    now: datetime,
) -> Manifest:
    """Write a backup while everything goes on.

    Args:
        target: the archive to write; it is there whole, or not at all. Its mode is 0600, for who
            can read it can read every document.
        databases: SQLite files, by the name each is to have; copied in this order.
        keys: the directory of the signing keys; None leaves them out.
        software: the version of this program.
        schema: the revision of the databases.
        now: aware UTC.

    Raises:
        BackupError: the target is there already, or a database cannot be copied whole.
        OSError: the disk is full, or the target cannot be written.
    """
    if target.exists():
        raise BackupError(f"{target} is there already: give a name that is not taken")
    files: dict[str, StoredFile] = {}
    made = Manifest(now.isoformat(), software, schema, keys is not None, files)
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.parent) as scratch:
        partial = Path(scratch) / "archive"
        partial.touch(mode=0o600)
        with tarfile.open(partial, "w") as archive:
            for name, path in databases.items():
                copy = Path(scratch) / name
                _copy_database(path, copy)
                files[name] = _add(archive, copy, name)
                copy.unlink()
            for path in sorted(keys.iterdir()) if keys is not None else ():
                if path.is_file():
                    name = f"{KEYS}/{path.name}"
                    files[name] = _add(archive, path, name)
            _add_manifest(archive, made)
        _sync(partial)
        try:
            os.link(partial, target)  # fails, unlike a rename, if somebody was faster
        except FileExistsError:
            raise BackupError(f"{target} is there already: give another name") from None
        _sync(target.parent)
    return made


def read_manifest(backup: Path) -> Manifest:
    """What a backup says it holds.

    Raises:
        BackupError: it is no backup, or one of a newer version.
        OSError: it cannot be read.
    """
    try:
        with tarfile.open(backup, "r:") as archive:
            member = archive.getmember(MANIFEST)
            if not member.isfile() or member.size > _MAX_MANIFEST:
                raise BackupError(f"{backup.name}: its manifest is not a small file")
            return _parsed(_opened(archive, member).read())
    except (tarfile.TarError, KeyError, ValueError, TypeError) as error:
        raise BackupError(
            f"{backup.name} is no backup, or was damaged ({type(error).__name__})"
        ) from error


def restore(backup: Path, directory: Path) -> Manifest:
    """Make a data directory of a backup. The index in it has still to be made.

    Everything is checked before anything is moved into place, so that a backup that was damaged
    leaves nothing behind.

    Raises:
        BackupError: a file was changed, is missing or too much; or the directory is not empty.
        OSError: it cannot be read or written.
    """
    if directory.exists() and any(directory.iterdir()):
        raise BackupError(f"{directory} is not empty: restore into a directory of its own")
    manifest = read_manifest(backup)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Within the directory, which may be a disk of its own: a file moves whole, or not at all.
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=directory) as scratch:
        try:
            _extract(backup, manifest, Path(scratch))
        except tarfile.TarError as error:
            raise BackupError(f"{backup.name} was damaged ({type(error).__name__})") from error
        # The first of them, the catalogue, comes last: without it this is no installation yet.
        for name in reversed(list(dict.fromkeys(_safe(name).parts[0] for name in manifest.files))):
            (Path(scratch) / name).rename(directory / name)
    directory.chmod(0o700)
    _sync(directory)
    return manifest


def _copy_database(path: Path, copy: Path) -> None:
    """One snapshot of a database, whatever is read and written meanwhile; then looked over."""
    if not path.is_file():
        raise BackupError(f"{path} is not there: is this a data directory?")
    copy.touch(mode=0o600)
    try:
        with (
            closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(copy)) as into,
        ):
            source.backup(into)
            found = into.execute("PRAGMA quick_check").fetchall()
    except sqlite3.Error as error:
        raise BackupError(f"{path.name} cannot be copied ({error})") from error
    if found != [("ok",)]:
        raise BackupError(f"{path.name} is damaged: restore it from an earlier backup")


def _add(archive: tarfile.TarFile, path: Path, name: str) -> StoredFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        file.seek(0)
        member = tarfile.TarInfo(name)
        member.size, member.mode = path.stat().st_size, 0o600
        archive.addfile(member, file)
    return StoredFile(member.size, digest.hexdigest())


def _add_manifest(archive: tarfile.TarFile, manifest: Manifest) -> None:
    content = json.dumps(asdict(manifest), indent=2).encode()
    member = tarfile.TarInfo(MANIFEST)
    member.size, member.mode = len(content), 0o600
    archive.addfile(member, io.BytesIO(content))


def _parsed(content: bytes) -> Manifest:
    fields: dict[str, Any] = json.loads(content)
    if fields.get("format") != FORMAT:
        raise BackupError("this backup was made by another version: restore it with that one")
    files = {name: StoredFile(**file) for name, file in fields.pop("files").items()}
    return Manifest(**fields, files=files)


def _extract(backup: Path, manifest: Manifest, directory: Path) -> None:
    """Write the files the manifest names, and no others, each only if it is what it should be."""
    left = dict(manifest.files)
    with tarfile.open(backup, "r:") as archive:
        for member in archive:
            if member.name == MANIFEST:
                continue
            stored = left.pop(member.name, None)
            if stored is None or not member.isfile() or member.size != stored.bytes:
                raise BackupError(f"{backup.name}: {member.name!r} is not as the manifest says")
            place = directory / _safe(member.name)
            place.parent.mkdir(mode=0o700, exist_ok=True)
            if _write(_opened(archive, member), place) != stored.sha256:
                raise BackupError(f"{backup.name}: {member.name!r} was changed or damaged")
    if left:
        raise BackupError(f"{backup.name}: {min(left)!r} is missing")


def _safe(name: str) -> Path:
    """A name as a path beneath the directory: a file, or a file in one folder, and nothing else."""
    pure = PurePosixPath(name)
    if pure.is_absolute() or len(pure.parts) not in {1, 2} or ".." in pure.parts:
        raise BackupError(f"a backup holds no file called {name!r}")
    return Path(*pure.parts)


def _write(content: IO[bytes], place: Path) -> str:
    """Write a file for its owner alone. Returns the SHA-256 of what was written."""
    digest = hashlib.sha256()
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        while block := content.read(_BLOCK):
            digest.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _opened(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    opened = archive.extractfile(member)
    if opened is None:
        raise BackupError(f"{member.name!r} is not a file")
    return opened


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
