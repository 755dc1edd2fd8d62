"""Opening an installation for a notebook: the one the environment names, or the demo."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from acl.models import Tenant
from retrieval.quality import checked, frames
from retrieval.quality.errors import NoRecordsError
from retrieval.quality.extra import pandas
from retrieval.records import RetrievalRow
from retrieval.runtime import Runtime
from retrieval.settings import Settings

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from acl.orm import Database

_RUN_DEMO = (
    "import pathlib, sys; from retrieval.demo.run import main; "
    "sys.exit(main(pathlib.Path(sys.argv[1])))"
)
_SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Records:
    """Frames over all tenants of one installation.

    Attributes:
        retrievals: see :func:`retrieval.quality.retrievals`.
        evidence: see :func:`retrieval.quality.evidence`.
        sources: see :func:`retrieval.quality.sources`.
        claims: see :func:`retrieval.quality.claims`.
        threshold: relevance below which the installation answers ``no_evidence``.
        is_demo: whether this is the demo rather than an installation of the reader's own.
        remark: what the reader should know before believing the figures; empty if nothing.
    """

    retrievals: pd.DataFrame
    evidence: pd.DataFrame
    sources: pd.DataFrame
    claims: pd.DataFrame
    threshold: float
    is_demo: bool
    remark: str = ""

    def __repr__(self) -> str:
        """In a few words; never a path, as notebooks are shared."""
        name = "The demo" if self.is_demo else "Your installation"
        asked = self.retrievals["at"]
        tenants = self.retrievals["tenant"].nunique()
        span = "" if asked.empty else f", {asked.min():%d %b %Y %H:%M} to {asked.max():%H:%M} UTC"
        if not asked.empty and asked.min().date() != asked.max().date():
            span = f", {asked.min():%d %b %Y} to {asked.max():%d %b %Y} UTC"
        return (
            f"{name}: {len(asked):,} queries of {tenants} tenant{'' if tenants == 1 else 's'}, "
            f"{len(self.evidence):,} pieces of evidence{span}{self.remark and '. '}{self.remark}"
        )


def load(
    *,
    demo: Path | str = ".demo",
    since: datetime | None = None,
    until: datetime | None = None,
) -> Records:
    """Read the records of an installation.

    ``CLEARANCE_DATA_DIR`` or ``CLEARANCE_DATABASE_URL`` names it. Without either it is the demo in
    the folder given, which is set up first if nothing is recorded there (about a minute).

    Args:
        demo: the demo's data directory.
        since: the first instant, inclusive; aware.
        until: the end, exclusive; aware.

    Raises:
        NoRecordsError: there is no catalogue, or the demo could not be run.
        InvalidPeriodError: the period is no period.
        MissingExtraError: pandas is not installed.
    """
    pandas()  # before the demo is run for nothing
    settings = Settings()
    remark = ""
    own = bool({"data_dir", "database_url"} & settings.model_fields_set)
    if own:
        _require_catalogue(settings)
    else:
        settings = Settings(data_dir=Path(demo).resolve())
        if not _has_records(settings):
            remark = _run_demo(settings)
    with Runtime.open(settings) as runtime:
        records = _read(runtime, since=since, until=until, is_demo=not own)
    return replace(records, remark=remark)


def _read(
    runtime: Runtime, *, since: datetime | None, until: datetime | None, is_demo: bool
) -> Records:
    """All tenants, one after the other, each through a session confined to it."""
    concat, database = pandas().concat, runtime.database
    # A tenant that does not exist reads as one without records: no tenants, empty frames.
    names = _tenants(database) or ["none"]
    period = {"since": since, "until": until}
    return Records(
        concat([frames.retrievals(database, name, **period) for name in names], ignore_index=True),
        concat([frames.evidence(database, name, **period) for name in names], ignore_index=True),
        concat(
            [frames.sources(database, name, now=runtime.clock()) for name in names],
            ignore_index=True,
        ),
        concat([checked.claims(database, name, **period) for name in names], ignore_index=True),
        runtime.settings.min_relevance,
        is_demo,
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
