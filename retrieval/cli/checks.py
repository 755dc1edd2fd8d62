"""The checks of ``clearance doctor``: each looks at one thing and names its remedy.

None of them creates or changes anything: an installation that is not there stays absent. A check
that cannot be made because of an earlier one is left out rather than guessed.
"""

from __future__ import annotations

import shutil
import stat
from typing import TYPE_CHECKING, Final

from retrieval.cli.check import Check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acl.orm import Database
    from retrieval.settings import Settings

FREE_BYTES: Final = 1 << 30
_DATABASES: Final = frozenset({"catalogue", "audit"})
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def examine(settings: Settings) -> list[Check]:
    """Every check that can be made, in the order in which to mend things."""
    if not settings.data_dir.is_dir():
        return [
            Check(
                "data",
                passed=False,
                detail=f"{settings.data_dir} does not exist",
                remedy="ingest something, or point --data-dir at the right place",
            )
        ]
    from acl.orm import Database

    checks = [_mode(settings), disk(settings), _model(settings)]
    database = Database(settings.catalogue_url, connections=settings.connections)
    try:
        checks.append(_schema("catalogue", database))
        if settings.audit_url != settings.catalogue_url:
            checks.append(_audit(settings))
    finally:
        database.close()
    # Nothing within can be told while a database does not answer, or is of another version.
    if all(check.passed for check in checks if check.name in _DATABASES):
        checks += _inside(settings)
    return checks


def _inside(settings: Settings) -> Iterator[Check]:
    from acl.orm import Database
    from retrieval.cli.checks_inside import look_inside
    from retrieval.cli.opening import tenants
    from retrieval.runtime import Runtime

    apart = settings.audit_url != settings.catalogue_url
    with Runtime(
        settings,
        Database(settings.catalogue_url, connections=settings.connections),
        audit_database=(
            Database(settings.audit_url, connections=settings.connections) if apart else None
        ),
    ) as runtime:
        yield from look_inside(runtime, tenants(runtime))


def _mode(settings: Settings) -> Check:
    mode = stat.S_IMODE(settings.data_dir.stat().st_mode)
    return Check(
        "data",
        passed=not mode & _OTHERS,
        detail=f"{settings.data_dir} has mode {mode:04o}",
        remedy=f"chmod 700 {settings.data_dir}: whoever can read it may ask as anyone",
    )


def disk(settings: Settings, *, needed: int | None = None) -> Check:
    """Whether ``needed`` bytes are free where the catalogue and the index grow."""
    needed = FREE_BYTES if needed is None else needed
    free = shutil.disk_usage(settings.data_dir).free
    return Check(
        "disk",
        passed=free >= needed,
        detail=f"{free / (1 << 30):.1f} GiB free",
        remedy=f"free at least {needed >> 30} GiB, or move the data directory",
    )


def _model(settings: Settings) -> Check:
    from ingestion.embedding.factory import create_embedder
    from ingestion.errors import EmbeddingError

    try:
        embedder = create_embedder(
            settings.embedder, model_dir=settings.model_dir, threads=settings.threads
        )
    except (EmbeddingError, OSError, ValueError) as error:
        return Check(
            "model", passed=False, detail=str(error), remedy="set CLEARANCE_EMBEDDER or reinstall"
        )
    try:
        return Check("model", passed=True, detail=f"{embedder.name}, {embedder.dimensions} numbers")
    finally:
        embedder.close()


def _audit(settings: Settings) -> Check:
    from acl.orm import Database
    from retrieval.settings import AUDIT

    own_file = settings.audit_database_url is None
    if own_file and not (settings.data_dir / AUDIT).exists():
        return Check("audit", passed=False, detail="is missing", remedy="clearance db upgrade")
    database = Database(settings.audit_url, connections=settings.connections)
    try:
        return _schema("audit", database)
    finally:
        database.close()


def _schema(name: str, database: Database) -> Check:
    """Whether a database answers, and is at the schema of this version."""
    from sqlalchemy.exc import SQLAlchemyError

    from retrieval import schema

    try:
        revision = schema.revision(database)
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or type(error).__name__
        return Check(
            name,
            passed=False,
            detail=f"does not answer ({cause})",
            remedy=f"check its URL in the settings, or restore the {name} from a backup",
        )
    newer = revision is not None and revision > schema.HEAD
    return Check(
        name,
        passed=revision == schema.HEAD,
        detail=f"schema {revision or 'missing'}, this version needs {schema.HEAD}",
        remedy="it was opened by a newer version: install that one again"
        if newer
        else "clearance db upgrade",
    )
