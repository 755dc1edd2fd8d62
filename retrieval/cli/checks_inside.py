"""Checks of ``clearance doctor`` that look into an open installation: sources, index, audit, clock.

They read and compare; none creates or changes anything. Each looks at every tenant, because whoever
can open the installation is its operator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from retrieval.cli.check import Check
from retrieval.cli.output import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from retrieval.runtime import Runtime

NAMED: Final = 3
SKEW_SECONDS: Final = 5.0
"""Between this machine and the server of the catalogue; what is stamped by both must compare."""
AHEAD_SECONDS: Final = 60.0
"""How far what is stored may lie in the future before this machine's clock must be wrong."""


def look_inside(runtime: Runtime, names: Sequence[str]) -> Iterator[Check]:
    """Every check, in the order in which to mend things.

    Args:
        runtime: the installation, at the current schema.
        names: of its tenants.
    """
    yield clock(runtime)
    keys = signing_keys(runtime)
    yield keys
    if keys.passed:
        yield chains(runtime)
    yield switched(runtime, names)
    weighed = weights(runtime)
    yield weighed
    yield index(runtime)
    yield sources(runtime, names)
    yield erasures(runtime)


def clock(runtime: Runtime) -> Check:
    """Whether this machine's clock agrees with the catalogue's server, and with what is stored."""
    from sqlalchemy import func, select

    from acl.audit.models import AuditRow

    now = runtime.clock()
    skews = [0.0]
    for database in {runtime.database, runtime.audit_database}:
        with database.unguarded("an operator compares clocks over all tenants") as session:
            if database.reader.dialect.name == "postgresql":
                theirs: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
                skews.append(abs((theirs - now).total_seconds()))
            latest = session.scalar(select(func.max(AuditRow.at)))
        ahead = 0.0 if latest is None else (latest - now).total_seconds()
        if ahead > AHEAD_SECONDS:
            skews.append(ahead)
    worst = max(skews)
    return Check(
        "clock",
        passed=worst <= SKEW_SECONDS,
        detail=f"differs by {worst:.0f} s from the catalogue's"
        if worst > SKEW_SECONDS
        else "agrees with the catalogue's",
        remedy="set this machine's clock (NTP): expiry, freshness and tokens go by it",
    )


def signing_keys(runtime: Runtime) -> Check:
    """Whether what signs receipts and checkpoints can be read, by its owner alone."""
    from acl.errors import SigningKeyError
    from acl.signing import Signer, published

    path = runtime.settings.signing_path
    if not path.exists():
        return Check("keys", passed=True, detail="none yet: the first is made when it is needed")
    try:
        kid = Signer(path).kid  # not Signer.open, which would make what is missing
        count = len(published(path)["keys"])
    except (SigningKeyError, OSError) as error:
        return Check(
            "keys",
            passed=False,
            detail=str(error),
            remedy=f"give {path} back to the service's account (chmod 700, keys 600), or restore "
            "it from a backup made with --with-keys; nothing is served without it",
        )
    return Check("keys", passed=True, detail=f"signing with {kid[:12]}, {counted(count, 'key')}")


def chains(runtime: Runtime) -> Check:
    """Whether the audit is as it was written: each row of each chain is looked at."""
    from acl.signing import published
    from retrieval.audit_upkeep import verify_chains

    path = runtime.settings.signing_path
    jwks = published(path) if path.exists() else {"keys": []}
    verdicts = list(verify_chains(runtime, None, jwks=jwks))
    broken = [found for found in verdicts if not found.intact]
    rows = sum(found.rows for found in verdicts)
    return Check(
        "chains",
        passed=not broken,
        detail="; ".join(f"{one.tenant}/{one.stream}: {one.detail}" for one in broken[:NAMED])
        if broken
        else f"{counted(rows, 'audit row')} in {counted(len(verdicts), 'chain')}, all as written",
        remedy="keep a copy of the files as they are, then: clearance audit verify",
    )


def switched(runtime: Runtime, names: Sequence[str]) -> Check:
    """Whether flags keep something from being served or written."""
    from retrieval.flags.flag import OFF, FlagName
    from retrieval.flags.switching import set_flags

    found, stopping = [], False
    for name in names:
        with runtime.database.read(name) as session:
            for one in set_flags(session, name):
                found.append(f"{name}: {one.flag}={one.value}")
                stopping |= one.value == OFF or one.flag.name is FlagName.READ_ONLY
    return Check(
        "flags",
        passed=not stopping,
        detail=", ".join(found) or "nothing is switched",
        remedy="if that is over: clearance flags list --tenant TENANT, then clearance flags unset",
    )


def weights(runtime: Runtime) -> Check:
    """Whether the embedder at hand is the one whose vectors are served, weights and all."""
    from ingestion.errors import EmbeddingError

    generation = runtime.generation()
    if generation is None:
        return Check("weights", passed=True, detail="nothing was ingested yet")
    try:
        runtime.embedder_for(generation.id)
    except (EmbeddingError, OSError, ValueError) as error:
        return Check(
            "weights",
            passed=False,
            detail=str(error),
            remedy="put the former model back, or build anew: clearance reindex --full",
        )
    return Check("weights", passed=True, detail=f"those that {generation.id} was built with")


def index(runtime: Runtime) -> Check:
    """Whether the index holds as many points as the catalogue has live chunks, and all of each."""
    from sqlalchemy import func, select

    from ingestion.errors import IngestionError
    from ingestion.index.facets import LAYOUT
    from ingestion.models import ChunkRow, ChunkState

    generation = runtime.generation()
    if generation is None:
        return Check("index", passed=True, detail="nothing was ingested yet")
    with runtime.database.unguarded("an operator compares counts over all tenants") as session:
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


def sources(runtime: Runtime, names: Sequence[str]) -> Check:
    """Whether a source is older than it may be, fails, or has closed."""
    from ingestion.freshness import Condition, source_freshness

    unwanted = (Condition.STALE, Condition.FAILING, Condition.ACL_STALE)
    found, count = [], 0
    for name in names:
        with runtime.database.read(name) as session:
            for source in source_freshness(session, name, runtime.clock()):
                count += 1
                met = [one.value for one in unwanted if source.is_in(one)]
                if met:
                    found.append((name, source.name, " and ".join(met)))
    shown = ", ".join(f"{tenant}/{source} {how}" for tenant, source, how in found[:NAMED])
    return Check(
        "sources",
        passed=not found,
        detail=f"{shown}{f' and {len(found) - NAMED} more' if len(found) > NAMED else ''}"
        if found
        else f"{counted(count, 'source')}, none older than it may be",
        remedy="; ".join(
            f"clearance reindex --tenant {tenant} --source {source}"
            for tenant, source, _ in found[:NAMED]
        ),
    )


def erasures(runtime: Runtime) -> Check:
    """Whether every erasure that began has its certificate."""
    from ingestion.erasure.begun import unfinished_by_tenant

    with runtime.database.unguarded("an operator looks for interrupted erasures") as session:
        counts = unfinished_by_tenant(session)
    some = sorted(counts)
    return Check(
        "erasures",
        passed=not counts,
        detail="every one has its certificate"
        if not counts
        else f"{counted(sum(counts.values()), 'erasure')} without a certificate, of "
        f"{', '.join(some[:NAMED])}{' and others' if len(some) > NAMED else ''}",
        remedy="unless it is running: "
        + "; ".join(f"clearance erase --tenant {tenant} --resume" for tenant in some[:NAMED]),
    )
