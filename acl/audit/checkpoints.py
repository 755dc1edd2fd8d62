"""Checkpoints: signed statements of where a chain stood.

Whoever can write to the database can make a whole chain anew, head and all; they cannot sign. A
chain that does not pass through its checkpoints was rewritten, or cut off. One that is kept away
from the database catches even whoever removes the checkpoints stored with the chain.

The statement is a JWS (:mod:`acl.signing`) of the type :data:`TYP` over
``{"at": microseconds, "hash": hex, "seq": number, "stream": name, "tenant": name}``.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from sqlalchemy import insert, select

from acl.audit.events import lock_head, microseconds
from acl.audit.models import AuditCheckpointRow, Stream
from acl.errors import SignatureError, SigningKeyError
from acl.signing import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from acl.signing import Signer

TYP: Final = "clearance-checkpoint+jwt"
CHECKPOINT_EVERY: Final = 1_000
"""Events of a chain between the checkpoints that the ledger writes by itself."""

_HASH_BYTES: Final = 32
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a chain stood.

    Attributes:
        tenant: whose chain.
        stream: which of the tenant's chains.
        seq: the number of its last row then.
        hash: the hash of that row, 32 bytes.
        at: when this was said, in microseconds since the epoch.
    """

    tenant: str
    stream: str
    seq: int
    hash: bytes
    at: int

    @classmethod
    def read(cls, jws: str, jwks: Mapping[str, Any]) -> Self:
        """The checkpoint that ``jws`` states.

        Raises:
            SignatureError: it was changed, is something else, or its key is not in ``jwks``.
        """
        match verify(jws, jwks, typ=TYP):
            case {
                "tenant": str(tenant),
                "stream": str(stream),
                "seq": int(seq),
                "hash": str(hash_),
                "at": int(at),
                **others,
            } if not others:
                try:
                    return cls(tenant, stream, seq, bytes.fromhex(hash_), at)
                except ValueError:
                    pass
        raise SignatureError("this is signed, but it is no checkpoint")

    def sign(self, signer: Signer) -> str:
        """The signed statement."""
        payload = {
            "tenant": self.tenant,
            "stream": self.stream,
            "seq": self.seq,
            "hash": self.hash.hex(),
            "at": self.at,
        }
        return signer.sign(payload, typ=TYP)


def checkpoint_head(
    session: Session, tenant: str, stream: Stream, signer: Signer, *, now: datetime
) -> str | None:
    """Sign where the chain stands and store that with it; None for an empty chain.

    Asked again at the same place, the stored statement is returned.

    Raises:
        SigningKeyError: there is no usable key.
    """
    seq, hash_ = lock_head(session, tenant, stream)
    return store(session, Checkpoint(tenant, stream, seq, hash_, microseconds(now)), signer, now)


def store(session: Session, checkpoint: Checkpoint, signer: Signer, now: datetime) -> str | None:
    """Sign and store; the statement stored for the same place before, if there is one."""
    if not checkpoint.seq:
        return None
    key = {"tenant": checkpoint.tenant, "stream": checkpoint.stream, "seq": checkpoint.seq}
    stored = session.scalar(select(AuditCheckpointRow.jws).filter_by(**key))
    if stored is not None:
        return stored
    jws = checkpoint.sign(signer)
    session.execute(insert(AuditCheckpointRow), [{**key, "at": now, "jws": jws}])
    return jws


def every(
    count: int, signer: Callable[[], Signer], *, clock: Callable[[], datetime]
) -> Callable[[Session, str, int, int], None]:
    """For the ledger: a checkpoint whenever a tenant's access chain passes a multiple of ``count``.

    A key that cannot be used fails no event, it only costs the checkpoint: the next commit of the
    chain does not retry, the next multiple does, and the log says so.
    """

    def on_appended(session: Session, tenant: str, first: int, last: int) -> None:
        if (first - 1) // count == last // count:
            return
        try:
            checkpoint_head(session, tenant, Stream.ACCESS, signer(), now=clock())
        except SigningKeyError as error:
            _LOG.error("no checkpoint of the audit: %s", error)

    return on_appended
