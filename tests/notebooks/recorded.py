"""A small installation with recorded retrievals, written through the real recorder: no model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

from acl.admin import directory
from ingestion.models import SourceRow
from retrieval.recorder import Recorder
from retrieval.records import EvidenceRecordRow, RetrievalRow
from retrieval.status import ReasonCode, conclude
from tests.support.clock import NOON
from tests.support.installation import open_catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from acl.orm import Database
    from tests.support.catalogue import Blank

DAY = 86_400


@dataclass(frozen=True)
class Piece:
    """One piece of evidence to record."""

    source: str = "handbook"
    document: str = "doc-1"
    relevance: float = 0.9
    age: int = 60
    freshness: str = "fresh"
    verdict: str = "clean"


class Recorded:
    """Writes queries into a copy of the blank catalogue."""

    def __init__(self, blank: Blank, data_dir: Path, *tenants: str) -> None:
        self.data_dir = data_dir
        self.database = open_catalogue(blank, data_dir)
        self._recorder = Recorder(self.database)
        self._numbers: Iterator[int] = count(1)
        for tenant in tenants:
            directory.ensure_tenant(self.database, tenant, now=NOON)

    def source(self, tenant: str, name: str, *, max_age: int | None = DAY) -> None:
        """Make a source with an SLA."""
        with self.database.write(tenant) as session:
            session.add(
                SourceRow(
                    tenant=tenant,
                    name=name,
                    kind="folder",
                    max_age_seconds=max_age,
                    created_at=NOON,
                    last_attempt_at=NOON,
                    last_success_at=NOON,
                )
            )

    def query(
        self,
        tenant: str,
        *pieces: Piece,
        reasons: Sequence[ReasonCode] = (),
        query: str = "",
        caller: str = "caller-1",
        conflicts: int = 0,
        latency_ms: float = 10.0,
    ) -> None:
        """Record one query, a minute after the one before; status and action follow."""
        number = next(self._numbers)
        status, action = conclude(reasons, evidence=bool(pieces))
        record_id = f"record-{number:05d}"
        retrieval = {
            "tenant": tenant,
            "record_id": record_id,
            "request_id": f"request-{number}",
            "at": NOON + timedelta(minutes=number),
            "caller_digest": caller,
            "query_digest": query or f"query-{number}",
            "view": "view",
            "status": status.value,
            "action": action.value,
            "reasons": json.dumps([code.value for code in reasons]),
            "mode": "hybrid",
            "exactness": "exact",
            "evidence": len(pieces),
            "best_relevance": max((piece.relevance for piece in pieces), default=None),
            "duplicates_collapsed": 0,
            "conflicts": conflicts,
            "evidence_tokens": 100 * len(pieces),
            "latency_ms": latency_ms,
            "generation": "generation-1",
        }
        evidence = [
            {
                "tenant": tenant,
                "record_id": record_id,
                "rank": rank,
                "chunk_id": f"chunk-{number}-{rank}",
                "document_id": piece.document,
                "version": 1,
                "source": piece.source,
                "relevance": piece.relevance,
                "age_seconds": piece.age,
                "freshness": piece.freshness,
                "verdict": piece.verdict,
                "findings": int(piece.verdict != "clean"),
            }
            for rank, piece in enumerate(pieces, start=1)
        ]
        self._recorder.add(tenant, ((RetrievalRow, [retrieval]), (EvidenceRecordRow, evidence)))

    def flush(self) -> Database:
        """Write it all; the catalogue to read from."""
        self._recorder.flush()
        return self.database

    def close(self) -> None:
        """Write it all and let go."""
        self._recorder.close()
        self.database.close()
