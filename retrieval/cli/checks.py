"""The checks of ``clearance doctor``: each looks at one thing and names its remedy.

None of them creates or changes anything: an installation that is not there stays absent. A check
that cannot be made because of an earlier one is left out rather than guessed.
"""

from __future__ import annotations

import shutil
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from retrieval.cli.output import counted

if TYPE_CHECKING:
    from acl.orm import Database
    from retrieval.settings import Settings

FREE_BYTES: Final = 1 << 30
_NAMED: Final = 3
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. ``remedy`` is for when it did not pass."""

    name: str
    passed: bool
    detail: str
    remedy: str = ""


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

    checks = [_mode(settings), _disk(settings), _model(settings)]
    database = Database(settings.catalogue_url)
    try:
        catalogue = _schema("catalogue", database)
        checks.append(catalogue)
        if catalogue.passed:
            if settings.audit_url != settings.catalogue_url:
                checks.append(_audit(settings))
            checks.append(_index(settings, database))
            checks.append(_erasures(database))
    finally:
        database.close()
    return checks


def _mode(settings: Settings) -> Check:
    mode = stat.S_IMODE(settings.data_dir.stat().st_mode)
    return Check(
        "data",
        passed=not mode & _OTHERS,
        detail=f"{settings.data_dir} has mode {mode:04o}",
        remedy=f"chmod 700 {settings.data_dir}: whoever can read it may ask as anyone",
    )


def _disk(settings: Settings) -> Check:
    free = shutil.disk_usage(settings.data_dir).free
    return Check(
        "disk",
        passed=free >= FREE_BYTES,
        detail=f"{free / (1 << 30):.1f} GiB free",
        remedy=f"free at least {FREE_BYTES >> 30} GiB, or move the data directory",
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
    database = Database(settings.audit_url)
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
    return Check(
        name,
        passed=revision == schema.HEAD,
        detail=f"schema {revision or 'missing'}, this version needs {schema.HEAD}",
        remedy="clearance db upgrade",
    )


def _index(settings: Settings, database: Database) -> Check:
    """Whether the index holds as many points as the catalogue has live chunks, and all of each."""
    from sqlalchemy import func, select

    from ingestion.errors import IngestionError
    from ingestion.index.facets import LAYOUT
    from ingestion.models import ChunkRow, ChunkState
    from retrieval.runtime import Runtime

    with Runtime(settings, database) as runtime:
        generation = runtime.generation()
        if generation is None:
            return Check("index", passed=True, detail="nothing was ingested yet")
        with database.unguarded("an operator compares counts over all tenants") as session:
            rows = session.execute(
                select(ChunkRow.state, func.count())
                .where(ChunkRow.generation == generation.id)
                .group_by(ChunkRow.state)
            )
            counts = {row[0]: row[1] for row in rows}
        try:
            held = runtime.index(generation.id).count()
        except IngestionError as error:
            return Check(
                "index",
                passed=False,
                detail=str(error),
                remedy="if it stays so, rebuild it: clearance reindex --full",
            )
    live = counts.pop(ChunkState.LIVE, 0)
    in_flight = sum(counts.values())
    current = generation.layout >= LAYOUT
    return Check(
        "index",
        passed=live <= held <= live + in_flight and current,
        detail=f"{counted(held, 'point')}, {counted(live, 'live chunk')} in the catalogue"
        + (f", {in_flight:,} in flight" if in_flight else "")
        + ("" if current else "; built by an older version, so filters work on sources alone"),
        remedy="rebuild it from the catalogue: clearance reindex --full",
    )


def _erasures(database: Database) -> Check:
    """Whether every erasure that began has its certificate."""
    from ingestion.erasure.begun import unfinished_by_tenant

    with database.unguarded("an operator looks for interrupted erasures of all tenants") as session:
        counts = unfinished_by_tenant(session)
    some = sorted(counts)
    return Check(
        "erasures",
        passed=not counts,
        detail="every one has its certificate"
        if not counts
        else f"{counted(sum(counts.values()), 'erasure')} without a certificate, of "
        f"{', '.join(some[:_NAMED])}{' and others' if len(some) > _NAMED else ''}",
        remedy="unless it is running: "
        + "; ".join(f"clearance erase --tenant {tenant} --resume" for tenant in some[:_NAMED]),
    )
