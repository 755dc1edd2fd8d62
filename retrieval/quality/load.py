"""Opening records for a notebook: those the environment names, the demo's, or made-up ones."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from acl.models import Tenant
from retrieval.quality import checked, frames
from retrieval.quality.errors import NoRecordsError
from retrieval.quality.extra import pandas
from retrieval.quality.made_up import made_up
from retrieval.quality.records import Origin, Records
from retrieval.records import RetrievalRow
from retrieval.runtime import Runtime
from retrieval.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import pandas as pd

    from acl.orm import Database

_RUN_DEMO = (
    "import pathlib, sys; from retrieval.demo.run import main; "
    "sys.exit(main(pathlib.Path(sys.argv[1])))"
)
_SQLITE = "sqlite:///"
URL_VARIABLE = "CLEARANCE_URL"


def load(
    *,
    demo: Path | str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Records:
    """Read the records that the environment names.

    ``CLEARANCE_URL`` and ``CLEARANCE_TOKEN`` name a service, read with the rights of the token;
    ``CLEARANCE_DATA_DIR`` or ``CLEARANCE_DATABASE_URL`` an installation at hand. Without any of
    them it is a made-up history; or, if a folder is given, the demo in it, which is set up first
    if nothing is recorded there (about a minute).

    Args:
        demo: the demo's data directory.
        since: the first instant, inclusive; aware.
        until: the end, exclusive; aware.

    Raises:
        NoRecordsError: there is no catalogue, or the demo could not be run.
        InvalidPeriodError: the period is no period.
        MissingExtraError: pandas is not installed.
        retrieval.client.ClientError: the service does not answer, or refuses the token.
    """
    pandas()  # before the demo is run for nothing
    if os.environ.get(URL_VARIABLE):
        return _of_service(since, until)
    settings = Settings()
    remark, own = "", bool({"data_dir", "database_url"} & settings.model_fields_set)
    if own:
        _require_catalogue(settings)
    elif demo is None:
        return made_up().between(since, until)
    else:
        settings = Settings(data_dir=Path(demo).resolve())
        if not _has_records(settings):
            remark = _run_demo(settings)
    with Runtime.open(settings) as runtime:
        origin = Origin.INSTALLATION if own else Origin.DEMO
        records = installed(runtime, since=since, until=until, origin=origin)
    return replace(records, remark=remark)


def _of_service(since: datetime | None, until: datetime | None) -> Records:
    """The records of a token's tenant, as an analyst may have them."""
    from retrieval.client.quality import Quality  # noqa: PLC0415 - an installation needs none

    with Quality() as service:
        frames_ = {
            name: service.frame(name, since=since, until=until)
            for name in ("retrievals", "evidence", "claims", "checks", "feedback")
        }
        return Records(
            **frames_,
            sources=service.frame("sources"),
            threshold=service.min_relevance(),
            origin=Origin.SERVICE,
        )


def installed(
    runtime: Runtime, *, since: datetime | None, until: datetime | None, origin: Origin
) -> Records:
    """All tenants, one after the other, each through a session confined to it."""
    database, beside = runtime.database, runtime.audit_database
    # A tenant that does not exist reads as one without records: no tenants, empty frames.
    names = _tenants(database) or ["none"]
    period = {"since": since, "until": until}

    def every(read: Callable[..., pd.DataFrame], home: Database, **given: Any) -> pd.DataFrame:
        return pandas().concat([read(home, name, **given) for name in names], ignore_index=True)

    return Records(
        retrievals=every(frames.retrievals, database, **period),
        evidence=every(frames.evidence, database, **period),
        sources=every(frames.sources, database, now=runtime.clock()),
        claims=every(checked.claims, database, **period),
        checks=every(checked.checks, database, **period),
        feedback=every(frames.feedback, beside, **period),
        threshold=runtime.settings.min_relevance,
        origin=origin,
    )


def _tenants(database: Database) -> list[str]:
    with database.unguarded("an analyst with the installation at hand reads each tenant") as all_:
        return list(all_.scalars(select(Tenant.name).order_by(Tenant.name)))


def _require_catalogue(settings: Settings) -> None:
    """Refuse a directory without a catalogue: opening it would make a new, empty installation."""
    path = Path(settings.catalogue_url.removeprefix(_SQLITE))
    if settings.catalogue_url.startswith(_SQLITE) and not path.is_file():
        raise NoRecordsError(
            f"{path.parent} holds no catalogue; set CLEARANCE_DATA_DIR to a directory that "
            "'clearance ingest' or 'clearance serve' has used, or unset it to read the demo"
        )


def _has_records(settings: Settings) -> bool:
    if not Path(settings.catalogue_url.removeprefix(_SQLITE)).is_file():
        return False
    with Runtime.open(settings) as runtime:
        for tenant in _tenants(runtime.database):
            with runtime.database.read(tenant) as session:
                if session.scalar(select(func.count()).select_from(RetrievalRow)):
                    return True
    return False


def _run_demo(settings: Settings) -> str:
    """Run the demo in a process of its own: its output would fill the notebook.

    A demo whose checks fail has recorded its queries all the same, and they are worth reading.

    Returns:
        What to remark on, if its checks failed.
    """
    done = subprocess.run(  # noqa: S603 - our own interpreter, our own module, no shell
        [sys.executable, "-c", _RUN_DEMO, str(settings.data_dir)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode == 0:
        return ""
    if not _has_records(settings):
        last = "\n".join(done.stdout.splitlines()[-12:])
        raise NoRecordsError(f"the demo failed; run 'clearance demo' to see all of it:\n{last}")
    return "Some of the demo's own checks failed: run 'clearance demo' to see which"
