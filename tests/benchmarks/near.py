"""Near-duplicates: what is found of what was planted, and how long settling takes.

One catalogue is filled with chunks: families of a text and its variants, exact copies, texts that
share a paragraph, and texts that share nothing. Then everything is settled at once, a hundred new
texts after that, and nothing at last. What never lives here: the index, which takes no part.
"""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from sqlalchemy import insert, select

from acl.admin.directory import ensure_tenant
from acl.models import AclRow
from acl.orm import Database, utc_now
from ingestion.models import ChunkRow, ChunkState, GenerationRow, GenerationState
from ingestion.near.record import CatalogueOnly, settle
from ingestion.records import NearPairRow, SignatureRow
from retrieval.schema import upgrade
from tests.benchmarks.figures import NearFigures, Recalled
from tests.support.planted import Variant, families, strangers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.planted import Family

TENANT: Final = "bench"
NEW: Final = 100
_FAMILIES: Final = 0.01  # of the chunks: seven texts each
_COPIES: Final = 0.01
_BOILERPLATE: Final = 0.05


def measure(root: Path, chunks: int, seed: int) -> NearFigures:
    """Plant, settle, look.

    Args:
        root: where the catalogue may lie meanwhile.
        chunks: how many, over two ACLs.
        seed: another seed, other texts.
    """
    planted = families(round(chunks * _FAMILIES), seed=seed)
    texts = [text for family in planted for text in family.texts]
    copies = texts[:: max(len(texts) // round(chunks * _COPIES), 1)][: round(chunks * _COPIES)]
    texts += strangers(round(chunks * _BOILERPLATE), seed=seed, boilerplate=True)
    texts += strangers(chunks - len(texts) - len(copies), seed=seed)
    random.Random(seed).shuffle(texts)  # noqa: S311 - an order, nothing secret
    new = strangers(NEW, seed=seed + 1)
    with TemporaryDirectory(prefix="near-", dir=root) as directory:
        database = Database(f"sqlite:///{Path(directory) / 'catalogue.sqlite'}")
        context = CatalogueOnly(database, bytes(32), Path(directory) / "write.lock")
        _prepare(database)
        _hold(database, texts, "one")
        _hold(database, copies, "other")
        began, cpu = time.perf_counter(), _processor_s()
        report = settle(context, TENANT)
        whole_s, whole_cpu_s = time.perf_counter() - began, _processor_s() - cpu
        found = _found(database)
        distinct = _signed(database)
        _hold(database, new, "other")
        began = time.perf_counter()
        settle(context, TENANT)
        new_s = time.perf_counter() - began
        began = time.perf_counter()
        settle(context, TENANT)
        idle_s = time.perf_counter() - began
        database.close()
    return NearFigures(
        chunks=chunks,
        texts=distinct,
        families=len(planted),
        pairs=report.pairs,
        conflicts=report.conflicts,
        crowded=report.crowded,
        settle_s=whole_s,
        settle_cpu_s=whole_cpu_s,
        new=NEW,
        new_s=new_s,
        idle_s=idle_s,
        exact_recall=(chunks - distinct) / (chunks - len(set(texts))),
        precision=_precision(planted, found),
        recalled=[_recalled(planted, found, variant) for variant in Variant],
    )


def _processor_s() -> float:
    """Seconds of processor time, of the process that settling starts too once it has ended."""
    return sum(os.times()[:4])


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _prepare(database: Database) -> None:
    upgrade(database)
    now = utc_now()
    ensure_tenant(database, TENANT, now=now)
    with database.unguarded("a generation covers every tenant", writable=True) as session:
        session.add(
            GenerationRow(
                id="g1",
                state=GenerationState.ACTIVE.value,
                embedder="none",
                fingerprint="none",
                dimensions=1,
                chunker="none",
                sanitiser="none",
                created_at=now,
            )
        )
    with database.write(TENANT) as session:
        session.add_all(AclRow(tenant=TENANT, id=acl, name=acl) for acl in ("one", "other"))


def _hold(database: Database, texts: Sequence[str], acl: str) -> None:
    rows = [
        {
            "tenant": TENANT,
            "generation": "g1",
            "id": f"{acl} {_sha(text)}",
            "acl_id": acl,
            "state": ChunkState.LIVE.value,
            "embedded_sha": _sha(text),
            "heading_path": "",
            "text": text,
            "tokens": 1,
        }
        for text in texts
    ]
    with database.write(TENANT) as session:
        session.execute(insert(ChunkRow), rows)


def _found(database: Database) -> dict[tuple[str, str], bool]:
    """Pairs by their hashes, and whether each is a conflict."""
    with database.read(TENANT) as session:
        return {
            (first, second): differences != "[]"
            for first, second, differences in session.execute(
                select(NearPairRow.first, NearPairRow.second, NearPairRow.differences)
            )
        }


def _signed(database: Database) -> int:
    with database.read(TENANT) as session:
        return len(session.scalars(select(SignatureRow.sha)).all())


def _pair(one: str, other: str) -> tuple[str, str]:
    first, second = sorted((_sha(one), _sha(other)))
    return first, second


def _recalled(
    planted: Sequence[Family], found: dict[tuple[str, str], bool], variant: Variant
) -> Recalled:
    seen: Counter[bool | None] = Counter(
        found.get(_pair(family.base, family.variants[variant])) for family in planted
    )
    return Recalled(
        variant.value,
        (seen[True] + seen[False]) / len(planted),
        seen[True] / len(planted),
    )


def _precision(planted: Sequence[Family], found: dict[tuple[str, str], bool]) -> float:
    """Share of the pairs found whose texts are of one family."""
    family_of = {_sha(text): n for n, family in enumerate(planted) for text in family.texts}
    right = sum(family_of.get(first, -1) == family_of.get(second, -2) for first, second in found)
    return right / len(found) if found else 1.0
