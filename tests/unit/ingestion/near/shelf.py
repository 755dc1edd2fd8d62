"""A catalogue whose live texts a test sets directly, and what is kept of their nearness."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select

from acl.models import AclRow
from ingestion.models import ChunkRow, ChunkState, GenerationRow, GenerationState
from ingestion.near.record import settle
from ingestion.records import NearPairRow, SignatureRow
from tests.support.clock import NOON
from tests.support.installation import TENANT, Installation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingestion.near.record import NearReport
    from tests.support.catalogue import Blank

ACLS = ("staff", "board")

Found = dict[frozenset[str], tuple[float, list[dict[str, Any]]]]


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Shelf:
    """Texts by the ACLs they stand under; see :meth:`hold`."""

    world: Installation

    @classmethod
    @contextmanager
    def open(cls, blank: Blank, directory: Path) -> Iterator[Shelf]:
        with Installation.open(blank, directory) as world:
            database = world.runtime.database
            with database.unguarded("one generation is served", writable=True) as session:
                session.add(_generation("g1", GenerationState.ACTIVE))
                session.add(_generation("g2", GenerationState.BUILDING))
            yield cls(world)

    def hold(
        self,
        *texts: str,
        acl: str = "staff",
        tenant: str = TENANT,
        generation: str = "g1",
        state: ChunkState = ChunkState.LIVE,
    ) -> None:
        """From now on, these texts and no others stand under the ACL."""
        self.world.ensure_tenant(tenant)
        with self.world.runtime.database.write(tenant) as session:
            if session.get(AclRow, (tenant, acl)) is None:
                session.add(AclRow(tenant=tenant, id=acl, name=acl))
                session.flush()
            session.execute(
                delete(ChunkRow).where(ChunkRow.acl_id == acl, ChunkRow.generation == generation)
            )
            rows = [
                {
                    "tenant": tenant,
                    "generation": generation,
                    "id": f"{acl} {sha(text)}",
                    "acl_id": acl,
                    "state": state.value,
                    "embedded_sha": sha(text),
                    "heading_path": "",
                    "text": text,
                    "tokens": 1,
                }
                for text in dict.fromkeys(texts)
            ]
            if rows:
                session.execute(insert(ChunkRow), rows)

    def settle(self, tenant: str = TENANT) -> NearReport:
        return settle(self.world.runtime.ingest_context(), tenant)

    def pairs(self, tenant: str = TENANT) -> Found:
        """Stored pairs, by their texts (by hashes, where a text is live no more)."""
        with self.world.runtime.database.read(tenant) as session:
            chunks = session.execute(select(ChunkRow.embedded_sha, ChunkRow.text))
            texts = {key: text for key, text in chunks}  # noqa: C416 - rows are no pairs
            return {
                frozenset((texts.get(row.first, row.first), texts.get(row.second, row.second))): (
                    row.similarity,
                    json.loads(row.differences),
                )
                for row in session.scalars(select(NearPairRow))
            }

    def signed(self, tenant: str = TENANT) -> dict[str, bytes]:
        """Stored signatures, by hash."""
        with self.world.runtime.database.read(tenant) as session:
            rows = session.execute(select(SignatureRow.sha, SignatureRow.signature))
            return {key: signature for key, signature in rows}  # noqa: C416 - rows are no pairs


def _generation(name: str, state: GenerationState) -> GenerationRow:
    return GenerationRow(
        id=name,
        state=state.value,
        embedder="hash",
        fingerprint="hash",
        dimensions=32,
        chunker="1",
        sanitiser="1",
        created_at=NOON,
    )
