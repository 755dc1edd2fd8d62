"""What is kept of near-duplicates, and of which texts: the statements, and nothing computed.

A text is *live* while a chunk of the served generation holds it. It is *settled* once its signature
is stored, which happens in one transaction with its pairs among all texts settled before, so pairs
among settled texts are always complete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import delete, exists, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from acl.orm import batches
from ingestion.models import ChunkRow, ChunkState
from ingestion.near.signature import BYTES
from ingestion.records import NearPairRow, SignatureRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from ingestion.near.confirm import NearPair

BLOCK: Final = 20_000

_AS_GIVEN: Final = {"dml_strategy": "raw"}
"""Rows go to the driver as they are: they have every column, and nothing is to be filled in."""

AGAIN: Final = b"\x00"
"""In place of a signature: the text is to be compared anew, and keeps its pairs until then."""


class Signed(NamedTuple):
    """A text's signature, as stored. A tuple, being made for every text."""

    sha: str
    signature: bytes
    crowded: bool = False


def unsettled(
    session: Session, tenant: str, generation: str, *, after: str, limit: int
) -> list[tuple[str, str]]:
    """Live texts without a signature, by hash: (hash, text) of the first ``limit`` ``after`` one.

    One hash can stand for two cuts of the same characters (a heading above a text, or within it);
    the smaller text is taken, so that it is the same one every time.
    """
    rows = session.execute(
        select(ChunkRow.embedded_sha, func.min(ChunkRow.text))
        .where(*_live(tenant, generation), ChunkRow.embedded_sha > after, ~_signed(tenant))
        .group_by(ChunkRow.embedded_sha)
        .order_by(ChunkRow.embedded_sha)
        .limit(limit)
    )
    return [(sha, shown) for sha, shown in rows]


def count_unsettled(session: Session, tenant: str, generation: str) -> int:
    """How many live texts have no signature yet."""
    return (
        session.scalar(
            select(func.count(func.distinct(ChunkRow.embedded_sha))).where(
                *_live(tenant, generation), ~_signed(tenant)
            )
        )
        or 0
    )


def signatures(session: Session, tenant: str) -> Iterator[list[tuple[str, bytes]]]:
    """Every stored signature that says something, by hash, in blocks."""
    after = ""
    while True:
        rows = session.execute(
            select(SignatureRow.sha, SignatureRow.signature)
            .where(SignatureRow.tenant == tenant, SignatureRow.sha > after)
            .order_by(SignatureRow.sha)
            .limit(BLOCK)
        ).all()
        if not rows:
            return
        yield [(sha, signature) for sha, signature in rows if len(signature) == BYTES]
        after = rows[-1].sha


def texts(session: Session, tenant: str, generation: str, shas: Sequence[str]) -> dict[str, str]:
    """The texts of those hashes that are live."""
    found: dict[str, str] = {}
    for some in batches(shas):
        rows = session.execute(
            select(ChunkRow.embedded_sha, func.min(ChunkRow.text))
            .where(*_live(tenant, generation), ChunkRow.embedded_sha.in_(some))
            .group_by(ChunkRow.embedded_sha)
        )
        found.update((sha, shown) for sha, shown in rows)
    return found


def live(session: Session, tenant: str, generation: str, shas: Sequence[str]) -> set[str]:
    """Those of the hashes whose text is live."""
    found: set[str] = set()
    for some in batches(shas):
        found.update(
            session.scalars(
                select(ChunkRow.embedded_sha).where(
                    *_live(tenant, generation), ChunkRow.embedded_sha.in_(some)
                )
            )
        )
    return found


def live_between(session: Session, tenant: str, generation: str, first: str, last: str) -> set[str]:
    """Every hash from one to another whose text is live, in one sweep.

    Of two indexes: of all chunks, and of the few that are in flight. No chunk is looked at whose
    text is in no doubt.
    """
    chunks = select(ChunkRow.embedded_sha).where(
        ChunkRow.tenant == tenant,
        ChunkRow.generation == generation,
        ChunkRow.embedded_sha.between(first, last),
    )
    # Literal, so that the partial index applies.
    moving = set(session.scalars(chunks.where(ChunkRow.state != text("'live'"))))
    held = set(session.scalars(chunks))
    return held - moving | live(session, tenant, generation, sorted(held & moving))


def store(
    session: Session, tenant: str, signed: Sequence[Signed], pairs: Sequence[NearPair]
) -> None:
    """Keep signatures of new texts, and their pairs."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    if signed:
        signing = dialect.insert(SignatureRow)
        session.execute(
            # A text that is compared anew has something in place of a signature.
            signing.on_conflict_do_update(
                index_elements=[SignatureRow.tenant, SignatureRow.sha],
                set_={
                    "signature": signing.excluded.signature,
                    "crowded": signing.excluded.crowded,
                },
            ),
            [
                {
                    "tenant": tenant,
                    "sha": one.sha,
                    "signature": one.signature,
                    "crowded": one.crowded,
                }
                for one in signed
            ],
            execution_options=_AS_GIVEN,
        )
    if pairs:
        session.execute(
            # A text that is compared anew finds pairs that it has.
            dialect.insert(NearPairRow).on_conflict_do_nothing(),
            [
                {
                    "tenant": tenant,
                    "first": pair.first,
                    "second": pair.second,
                    "similarity": pair.similarity,
                    "differences": pair.differences_json(),
                }
                for pair in pairs
            ],
            execution_options=_AS_GIVEN,
        )


def gone(session: Session, tenant: str, generation: str, *, limit: int) -> list[str]:
    """Hashes of settled texts that are live no more."""
    still = exists().where(*_live(tenant, generation), ChunkRow.embedded_sha == SignatureRow.sha)
    return list(
        session.scalars(
            select(SignatureRow.sha)
            .where(SignatureRow.tenant == tenant, ~still)
            .order_by(SignatureRow.sha)
            .limit(limit)
        )
    )


def forget(session: Session, tenant: str, shas: Sequence[str]) -> int:
    """Remove everything kept of some texts: signatures, and pairs with what they say.

    A crowded text that loses a pair thereby may have others that were never looked for, so it is
    marked to be compared anew.

    Returns:
        How many pairs were removed.
    """
    removed = 0
    for some in batches(shas):
        touching = (
            NearPairRow.tenant == tenant,
            NearPairRow.first.in_(some) | NearPairRow.second.in_(some),
        )
        pairs = session.execute(select(NearPairRow.first, NearPairRow.second).where(*touching))
        lost = [(first, second) for first, second in pairs]
        for bereft in batches(sorted({sha for pair in lost for sha in pair})):
            session.execute(
                update(SignatureRow)
                .where(
                    SignatureRow.tenant == tenant,
                    SignatureRow.sha.in_(bereft),
                    SignatureRow.crowded,
                )
                .values(signature=AGAIN)
                .execution_options(synchronize_session=False)
            )
        session.execute(
            delete(NearPairRow).where(*touching).execution_options(synchronize_session=False)
        )
        _unsign(session, tenant, some)
        removed += len(lost)
    return removed


def _unsign(session: Session, tenant: str, shas: Sequence[str]) -> None:
    session.execute(
        delete(SignatureRow)
        .where(SignatureRow.tenant == tenant, SignatureRow.sha.in_(shas))
        .execution_options(synchronize_session=False)
    )


def _signed(tenant: str) -> ColumnElement[bool]:
    """Whether a chunk's text is settled."""
    return exists().where(
        SignatureRow.tenant == tenant,
        SignatureRow.sha == ChunkRow.embedded_sha,
        SignatureRow.signature != AGAIN,
    )


def _live(tenant: str, generation: str) -> tuple[ColumnElement[bool], ...]:
    return (
        ChunkRow.tenant == tenant,
        ChunkRow.generation == generation,
        ChunkRow.state == ChunkState.LIVE.value,
    )
