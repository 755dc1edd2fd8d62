"""The two-world condition: what a caller may not see must change nothing in what is found.

For each caller, the catalogue says which chunks of the generation they may see. World A is the
generation as it is. World B is an index of the same engine that holds those chunks and nothing
else, made for the purpose and dropped afterwards. Both are asked the same questions under the same
scope, and must give the same ids with the same scores, bit for bit, in both legs. World B is made
from the catalogue, so a point whose ACL or source is not the catalogue's shows as well.

To be affordable, a caller who sees more than a bound is narrowed to some of their ACLs, as a token
could be: what is left out then counts as hidden, which makes the condition no weaker.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import func, select

from acl.models import AclRow
from ingestion.chunking import embedded_text
from ingestion.generations.report import Check, Condition
from ingestion.index.lexical import encode_document
from ingestion.index.port import Point
from ingestion.lock import exclusive
from ingestion.models import (
    ChunkRow,
    ChunkState,
    EmbeddingRow,
    GenerationRow,
)
from ingestion.rows import places_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session

    from acl.caller import Caller
    from acl.scope import AccessScope
    from ingestion.generations.asking import Examiner
    from ingestion.generations.report import Question

_POINTS = 500


def check_two_worlds(
    examiner: Examiner,
    row: GenerationRow,
    questions: Sequence[Question],
    callers: Sequence[Caller],
    *,
    limit: int,
) -> Check:
    """Compare both worlds of every caller over every question."""
    compared = differing = 0
    for caller in callers:
        seen = _affordable(examiner, row, caller, limit)
        if seen.empty:
            continue
        found = _differences(examiner, row, seen, questions)
        if found:
            # What is written between the two looks differs in truth: look again while nobody can.
            with exclusive(examiner.context.lock_path):
                found = _differences(examiner, row, seen, questions)
        compared, differing = compared + len(questions), differing + found
    figures = {"compared": compared, "differing": differing}
    if not compared:
        detail = "nothing could be compared: give questions and callers who see something"
    elif differing:
        detail = f"{differing:,} of {compared:,} answers change with what the caller cannot see"
    else:
        detail = "no answer changes with what the caller cannot see"
    return Check(
        Condition.TWO_WORLDS,
        passed=bool(compared) and not differing,
        detail=detail,
        figures=figures,
    )


def _affordable(examiner: Examiner, row: GenerationRow, caller: Caller, limit: int) -> AccessScope:
    """The caller's scope, narrowed to whole ACLs until at most ``limit`` chunks are in it."""
    scope = examiner.scope(caller)
    with examiner.context.database.read(caller.tenant) as session:
        rows = session.execute(
            select(AclRow.name, func.count())
            .join(ChunkRow, (ChunkRow.tenant == AclRow.tenant) & (ChunkRow.acl_id == AclRow.id))
            .where(
                AclRow.tenant == caller.tenant,
                AclRow.id.in_(scope.sorted_ids),
                ChunkRow.generation == row.id,
            )
            .group_by(AclRow.name)
            .order_by(func.count(), AclRow.name)
        ).all()
    if sum(count for _, count in rows) <= limit:
        return scope
    kept, room = [], limit
    for name, count in rows:
        if count <= room:
            kept.append(name)
            room -= count
    narrowed = replace(caller.narrowing, acls=frozenset(kept))
    return examiner.scope(replace(caller, narrowing=narrowed))


def _differences(
    examiner: Examiner, row: GenerationRow, scope: AccessScope, questions: Sequence[Question]
) -> int:
    """How many questions are answered otherwise where only what the scope sees exists."""
    context, name = examiner.context, f"{row.id}.world"
    context.host.drop(name)
    try:
        world = context.host.open(name, dimensions=row.dimensions)
        with context.database.read(scope.tenant) as session:
            excluded = _in_flight(session, scope, row.id)
            for points in _visible(session, scope, row):
                world.upsert(points)
        here, differing = context.index(row.id), 0
        for question in questions:
            request = replace(examiner.request(row, question.text), exclude=excluded)
            differing += here.search(scope, request) != world.search(scope, request)
        return differing
    finally:
        context.host.drop(name)


def _in_flight(session: Session, scope: AccessScope, generation: str) -> frozenset[str]:
    return frozenset(
        session.scalars(
            select(ChunkRow.id).where(
                ChunkRow.tenant == scope.tenant,
                ChunkRow.generation == generation,
                ChunkRow.acl_id.in_(scope.sorted_ids),
                ChunkRow.state != ChunkState.LIVE.value,
            )
        )
    )


def _visible(session: Session, scope: AccessScope, row: GenerationRow) -> Iterator[list[Point]]:
    """What the scope sees of a generation, as points, from the catalogue alone."""
    chunks = session.execute(
        select(ChunkRow, EmbeddingRow.vector)
        .join(
            EmbeddingRow,
            (EmbeddingRow.tenant == ChunkRow.tenant)
            & (EmbeddingRow.fingerprint == row.fingerprint)
            & (EmbeddingRow.sha == ChunkRow.embedded_sha),
        )
        .where(
            ChunkRow.tenant == scope.tenant,
            ChunkRow.generation == row.id,
            ChunkRow.acl_id.in_(scope.sorted_ids),
            ChunkRow.state == ChunkState.LIVE.value,
        )
        .order_by(ChunkRow.id)
    ).all()
    for first in range(0, len(chunks), _POINTS):
        some = chunks[first : first + _POINTS]
        ids = [chunk.id for chunk, _ in some]
        places = places_of(session, scope.tenant, row.id, ids)
        yield [
            Point(
                id=chunk.id,
                tenant=chunk.tenant,
                acl=chunk.acl_id,
                places=places[chunk.id],
                dense=np.frombuffer(vector, np.float32),
                sparse=encode_document(_embedded(chunk)),
            )
            for chunk, vector in some
            # A chunk that stands nowhere is seen by nobody; that there is one, is not asked here.
            if chunk.id in places
            and (scope.sources is None or any(p.source in scope.sources for p in places[chunk.id]))
        ]


def _embedded(chunk: ChunkRow) -> str:
    return embedded_text(chunk.heading_path.split("\n") if chunk.heading_path else (), chunk.text)
