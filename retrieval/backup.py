"""What of an installation belongs into a backup: which files, under which names."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import make_url

from ingestion.backup import Manifest, make_backup
from ingestion.errors import BackupError
from retrieval.schema import HEAD
from retrieval.settings import AUDIT, CATALOGUE

if TYPE_CHECKING:
    from datetime import datetime

    from retrieval.settings import Settings


def back_up(
    settings: Settings, target: Path, *, with_keys: bool, now: datetime
) -> tuple[Path, Manifest]:
    """Back up an installation whose databases are files. Returns where, and what is in it.

    The catalogue before the audit: what the audit tells of may then be newer than the catalogue,
    and nothing that was served is missing from it.

    Raises:
        BackupError: a database is on a server, or the target is there already.
    """
    databases = {CATALOGUE: _file(settings.catalogue_url, "CLEARANCE_DATABASE_URL")}
    if settings.audit_url != settings.catalogue_url:
        databases[AUDIT] = _file(settings.audit_url, "CLEARANCE_AUDIT_DATABASE_URL")
    if target.is_dir():
        target /= f"clearance-{now:%Y%m%dT%H%M%SZ}.tar"
    keys = settings.signing_path if with_keys and settings.signing_path.is_dir() else None
    manifest = make_backup(
        target,
        databases=databases,
        keys=keys,
        software=version("clearance-retrieval"),
        schema=HEAD,
        now=now,
    )
    return target, manifest


def _file(url: str, setting: str) -> Path:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise BackupError(f"{setting} names a server: back it up with its own tools (pg_dump)")
    return Path(parsed.database)
