"""Keyed ids, the content hash of an ACL, and the view digest.

A content hash is a multiset hash: the sum, modulo 2**256, of a keyed hash of each occurrence an ACL
guards of a source (AdHash, after Bellare and Micciancio, 1997). Adding or removing one occurrence
is one addition, in any order, so it is maintained inside the transaction that changes
the content. The view digest is a keyed hash over what is visible and not empty, ACL by source:
it commits to what a caller can see and to nothing else, so a hidden document never moves it.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MODULUS = 1 << 256
EMPTY = bytes(32)


def keyed(secret: bytes, purpose: str, *parts: str | bytes | int) -> bytes:
    """A 32-byte keyed hash of ``parts``, each length-prefixed so that no two lists collide."""
    state = hashlib.blake2b(key=secret, digest_size=32, person=purpose.encode()[:16])
    for part in parts:
        raw = part if isinstance(part, bytes) else str(part).encode()
        state.update(len(raw).to_bytes(8, "big"))
        state.update(raw)
    return state.digest()


def keyed_id(secret: bytes, purpose: str, *parts: str | bytes | int) -> str:
    """A UUID-shaped opaque id that is a function of ``parts`` alone, not of insertion order."""
    return str(uuid.UUID(bytes=keyed(secret, purpose, *parts)[:16]))


def add(content_hash: bytes, item: bytes) -> bytes:
    """The content hash with one more occurrence (its keyed hash, 32 bytes)."""
    total = int.from_bytes(content_hash, "big") + int.from_bytes(item, "big")
    return (total % MODULUS).to_bytes(32, "big")


def view_digest(secret: bytes, tenant: str, visible: Iterable[tuple[str, str, bytes]]) -> str:
    """The digest of a view.

    Args:
        secret: the installation's secret.
        tenant: the caller's tenant.
        visible: (ACL id, source, content hash) of everything visible that is not empty; what is
            empty must be left out, because a caller cannot see that it exists.
    """
    said = [f"view\0{tenant}\0".encode()]
    for acl_id, source, content_hash in sorted(visible):
        # Lengths first, so that no two lists of names read alike.
        said += (f"{len(acl_id)}:{acl_id}{len(source)}:{source}".encode(), content_hash)
    return hmac.digest(secret, b"".join(said), "sha256").hex()
