"""How long it takes to say who may see what, in a directory of full size.

Cold is the first question of a caller, warm any later one while nothing changed. A grant is timed
from the call to the commit; no index is open meanwhile, since none is asked. What never lives here:
the directory itself.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from acl.admin.acls import grant, revoke
from acl.caller import Caller
from acl.entries import AclEntry, Effect
from acl.orm import Database, utc_now
from acl.principal import Principal
from acl.resolver import Resolver
from tests.benchmarks.directory import FOLDER, TENANT, Size, asker, build, kept
from tests.benchmarks.figures import ResolutionFigures
from tests.support.postgres import Server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SECRET = bytes(32)
_GRANTS = 40


def measure(root: Path, size: Size, *, postgres: bool = True) -> list[ResolutionFigures]:
    """Both engines, one after the other.

    Args:
        root: where the directory is kept between runs.
        size: of it.
        postgres: whether to build it on PostgreSQL too, which takes longer.
    """
    database = Database(f"sqlite:///{kept(root, size)}")
    found = [_measured("SQLite", database, size)]
    database.close()
    if postgres:
        with Server.run("bench") as server, server.database() as url:
            database = Database(url)
            build(database, size)
            found.append(_measured("PostgreSQL", database, size))
            database.close()
    return found


def _measured(engine: str, database: Database, size: Size) -> ResolutionFigures:
    resolver = Resolver(_SECRET)
    callers = [Caller(TENANT, Principal.parse(asker(number))) for number in range(size.askers)]
    for who in callers[:5]:  # statements are built and connections opened once
        _resolve(Resolver(_SECRET), database, who)
    cold = [_timed(partial(_resolve, resolver, database, who)) for who in callers]
    warm = [_timed(partial(_resolve, resolver, database, who)) for who in callers * 5]
    visible = [_resolve(resolver, database, who) for who in callers]
    entry = AclEntry(Effect.ALLOW, callers[0].subject)
    granted, revoked = [], []
    for _ in range(_GRANTS):
        before = _resolve(resolver, database, callers[0])
        granted.append(_timed(partial(_grant, database, entry)))
        more = _resolve(resolver, database, callers[0])
        revoked.append(_timed(partial(_revoke, database, entry)))
        if not before < more or _resolve(resolver, database, callers[0]) != before:
            raise AssertionError("a grant or a revocation was not felt by the next resolution")
    return ResolutionFigures(
        engine=engine,
        users=size.users,
        groups=size.groups,
        acls=size.acls,
        chunks=size.chunks,
        joined=size.groups_of_asker,
        visible=int(np.median(visible)),
        cold_p50_ms=float(np.percentile(cold, 50)),
        cold_p99_ms=float(np.percentile(cold, 99)),
        warm_p50_ms=float(np.percentile(warm, 50)),
        warm_p99_ms=float(np.percentile(warm, 99)),
        grant_p50_ms=float(np.percentile(granted, 50)),
        revoke_p50_ms=float(np.percentile(revoked, 50)),
    )


def _resolve(resolver: Resolver, database: Database, who: Caller) -> int:
    """As a query does it: in a session of its own. How many ACLs are visible."""
    with database.read(TENANT) as session:
        return len(resolver.resolve(session, who, now=utc_now()).scope.acl_ids)


def _grant(database: Database, entry: AclEntry) -> None:
    with database.write(TENANT) as session:
        grant(session, TENANT, FOLDER, entry, now=utc_now())


def _revoke(database: Database, entry: AclEntry) -> None:
    with database.write(TENANT) as session:
        revoke(session, TENANT, FOLDER, entry.effect, entry.principal)


def _timed(act: Callable[[], object]) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    act()
    return 1_000 * (time.perf_counter() - started)
