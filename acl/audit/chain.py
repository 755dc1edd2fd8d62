"""The arithmetic of the audit chain: what exactly is hashed, so that anyone can do it again.

A *frame* of parts is, for each part, its length in bytes as eight bytes big-endian, then the part:
no two lists of parts share a frame. Text is UTF-8, numbers are decimal digits. Then ::

    genesis = SHA-256(frame("clearance-audit-genesis-v1", tenant, stream))
    hash(n) = SHA-256(frame("clearance-audit-row-v1",
                            hash(n - 1), tenant, stream, n, at, kind, body))

where ``hash(0)`` is the genesis, hashes are their 32 raw bytes, ``n`` counts from 1, ``at`` is in
microseconds since 1970-01-01T00:00Z, and ``body`` is the JSON text exactly as stored. What is
written there is canonical (RFC 8785, see :mod:`acl.canonical`), but a verifier hashes the stored
text and need not parse it.

Nothing here reads a clock, a database or a secret. A chain without a key shows only that rows
belong together; that nobody made the whole of it anew is what signed checkpoints show
(:mod:`acl.audit.checkpoints`).
"""

from __future__ import annotations

import hashlib
from typing import Final

GENESIS_DOMAIN: Final = "clearance-audit-genesis-v1"
ROW_DOMAIN: Final = "clearance-audit-row-v1"


def genesis(tenant: str, stream: str) -> bytes:
    """What the first row of a chain follows: no two chains start alike."""
    return _digest(GENESIS_DOMAIN, tenant, stream)


def row_hash(
    previous: bytes, *, tenant: str, stream: str, seq: int, at: int, kind: str, body: str
) -> bytes:
    """The hash of one row: 32 bytes over everything it says and the hash before it.

    Args:
        previous: the hash of the row before, or the genesis.
        tenant: whose chain.
        stream: which of the tenant's chains.
        seq: the row's number, from 1.
        at: microseconds since the epoch.
        kind: what happened.
        body: JSON text as stored.
    """
    return _digest(ROW_DOMAIN, previous, tenant, stream, seq, at, kind, body)


def _digest(*parts: bytes | str | int) -> bytes:
    state = hashlib.sha256()
    for part in parts:
        raw = part if isinstance(part, bytes) else str(part).encode()
        state.update(len(raw).to_bytes(8, "big"))
        state.update(raw)
    return state.digest()
