"""Verification: one pass over a chain that ends at the first thing wrong with it.

A row is right if it has the number that comes next, follows the hash before it, and hashes to what
it says. The chain is right if it also begins where it may (at its genesis, or after a signed
checkpoint that retention cut it at, and says so itself), ends where its head says, and passes
through every signed checkpoint it has, including those that are handed in from elsewhere.

Nothing here is trusted but the keys: whoever verifies gives those.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from acl.audit.chain import genesis, row_hash
from acl.audit.checkpoints import Checkpoint
from acl.audit.events import EventKind
from acl.audit.reading import UnreadableRowError, stored
from acl.errors import SignatureError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from acl.audit.models import Stream
    from acl.audit.reading import Chain, Link

_LINK_TYPES: Final = (int, int, str, str, bytes, bytes)


class Fault(StrEnum):
    """What is wrong with a chain."""

    CHANGED = "changed"
    REMOVED = "removed"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    HEAD_MISMATCH = "head_mismatch"
    CHECKPOINT_MISMATCH = "checkpoint_mismatch"
    BAD_SIGNATURE = "bad_signature"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found.

    Attributes:
        tenant: whose chain.
        stream: which.
        rows: how many rows were right.
        last: the number of the last right row; 0 if there was none.
        hash: its hash in hex.
        kept_from: the number of the first row that retention left.
        checkpoints: how many signed statements the chain passes through.
        fault: the first thing wrong; None if the chain is intact.
        seq: where.
        detail: what is wrong there, for people.
    """

    tenant: str
    stream: str
    rows: int
    last: int
    hash: str
    kept_from: int
    checkpoints: int
    fault: Fault | None = None
    seq: int | None = None
    detail: str = ""

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return self.fault is None


class _BrokenError(Exception):
    """Ends the pass at the first fault."""

    def __init__(self, fault: Fault, seq: int | None, detail: str) -> None:
        super().__init__(detail)
        self.fault, self.seq, self.detail = fault, seq, detail


def verify(
    session: Session,
    tenant: str,
    stream: Stream,
    *,
    jwks: Mapping[str, Any],
    checkpoints: Sequence[str] = (),
) -> Verdict:
    """Verify a chain in the database.

    Args:
        session: one consistent view of it.
        tenant: whose.
        stream: which.
        jwks: the keys whose checkpoints count.
        checkpoints: signed statements kept elsewhere; those of other chains are passed over.
    """
    with stored(session, tenant, stream) as chain:
        return check(chain, jwks=jwks, checkpoints=checkpoints)


def check(chain: Chain, *, jwks: Mapping[str, Any], checkpoints: Sequence[str] = ()) -> Verdict:
    """Verify a chain from wherever it comes. Reads each row once, and keeps none."""
    walk = _Walk(chain)
    try:
        walk.trust(checkpoints, jwks)
        walk.begin()
        walk.through()
        walk.end()
    except _BrokenError as broken:
        return walk.verdict(broken)
    except UnreadableRowError as error:
        detail = f"row {walk.last + 1} cannot be read ({error})"
        return walk.verdict(_BrokenError(Fault.UNREADABLE, walk.last + 1, detail))
    return walk.verdict(None)


class _Walk:
    """How far a pass has come."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._anchors: dict[int, bytes] = {}
        self._kept_from = 1
        self._retention_told = False
        self._hash = genesis(chain.tenant, chain.stream)
        self._rows = self._met = self.last = 0

    def trust(self, elsewhere: Sequence[str], jwks: Mapping[str, Any]) -> None:
        """Note every signed statement on this chain, those stored with it and those handed in."""
        for jws in self._chain.checkpoints:
            checkpoint = _signed(jws, jwks, "stored with the chain")
            if not self._is_mine(checkpoint):
                detail = "a checkpoint of another chain is stored with this one"
                raise _BrokenError(Fault.CHECKPOINT_MISMATCH, None, detail)
            self._note(checkpoint)
        for jws in elsewhere:
            checkpoint = _signed(jws, jwks, "handed in")
            if self._is_mine(checkpoint):
                self._note(checkpoint)

    def begin(self) -> None:
        """Stand before the first row that should be there."""
        head = self._chain.head
        if head is None:
            return
        if not (_is(head.seq, int) and _is(head.hash, bytes) and _is(head.kept_from, int)):
            raise _BrokenError(Fault.HEAD_MISMATCH, None, "the head does not hold what heads hold")
        if head.kept_from == 1:
            return
        cut_at = head.kept_from - 1
        if cut_at not in self._anchors:
            detail = f"rows 1 to {cut_at} are gone, and no signed checkpoint says how they ended"
            raise _BrokenError(Fault.REMOVED, 1, detail)
        self._kept_from, self.last, self._hash = head.kept_from, cut_at, self._anchors[cut_at]
        self._met += 1

    def through(self) -> None:
        """Take one row after the other."""
        for link in self._chain.links:
            seq = self.last + 1
            if link.seq != seq:
                raise self._misplaced(link, seq)
            computed = _hash_of(self._chain, link)
            if computed is None or computed != link.hash or link.previous != self._hash:
                raise self._altered(link, seq)
            if self._anchors.get(seq, link.hash) != link.hash:
                detail = (
                    f"row {seq} is not the one that was signed: the rows up to it were rewritten"
                )
                raise _BrokenError(Fault.CHECKPOINT_MISMATCH, seq, detail)
            self._met += seq in self._anchors
            self._retention_told |= _tells_of_retention(link, self._kept_from)
            self._rows, self.last, self._hash = self._rows + 1, seq, link.hash

    def end(self) -> None:
        """The last row must be the last there was."""
        head, after = self._chain.head, self.last + 1
        newest = max(self._anchors, default=0)
        if newest > self.last:
            detail = f"the chain ends at row {self.last}, but row {newest} was signed"
            raise _BrokenError(Fault.TRUNCATED, after, detail)
        if head is None:
            if self._rows:
                raise _BrokenError(Fault.HEAD_MISMATCH, None, "the head of the chain is gone")
            return
        if head.seq > self.last:
            detail = f"the chain ends at row {self.last}, but its head knows row {head.seq}"
            raise _BrokenError(Fault.TRUNCATED, after, detail)
        if (head.seq, head.hash) != (self.last, self._hash):
            detail = f"the head does not know row {self.last} as the last"
            raise _BrokenError(Fault.HEAD_MISMATCH, self.last, detail)
        if self._kept_from > 1 and not self._retention_told:
            detail = f"rows 1 to {self._kept_from - 1} are gone, and no row tells of retention"
            raise _BrokenError(Fault.REMOVED, 1, detail)

    def verdict(self, broken: _BrokenError | None) -> Verdict:
        """What was found, up to the first fault."""
        so_far = Verdict(
            tenant=self._chain.tenant,
            stream=self._chain.stream,
            rows=self._rows,
            last=self.last,
            hash=self._hash.hex(),
            kept_from=self._kept_from,
            checkpoints=self._met,
        )
        if broken is None:
            return so_far
        return replace(so_far, fault=broken.fault, seq=broken.seq, detail=broken.detail)

    def _is_mine(self, checkpoint: Checkpoint) -> bool:
        return (checkpoint.tenant, checkpoint.stream) == (self._chain.tenant, self._chain.stream)

    def _note(self, checkpoint: Checkpoint) -> None:
        if self._anchors.setdefault(checkpoint.seq, checkpoint.hash) != checkpoint.hash:
            detail = f"two signed checkpoints of row {checkpoint.seq} disagree"
            raise _BrokenError(Fault.CHECKPOINT_MISMATCH, checkpoint.seq, detail)

    def _misplaced(self, link: Link, seq: int) -> _BrokenError:
        """Another row stands where ``seq`` should: is that one elsewhere, or gone?"""
        if not _is(link.seq, int):
            return _BrokenError(Fault.CHANGED, seq, f"the number of row {seq} was changed")
        if link.seq < seq and not self._rows:
            detail = f"row {link.seq} is still there, but the chain is kept from row {seq}"
            return _BrokenError(Fault.HEAD_MISMATCH, seq, detail)
        if link.seq < seq or any(later.seq == seq for later in self._chain.links):
            detail = f"row {link.seq} stands where row {seq} should"
            return _BrokenError(Fault.REORDERED, seq, detail)
        gone = f"row {seq} is" if link.seq == seq + 1 else f"rows {seq} to {link.seq - 1} are"
        return _BrokenError(Fault.REMOVED, seq, f"{gone} gone")

    def _altered(self, link: Link, seq: int) -> _BrokenError:
        """The row is not what it was: is the right one under another number?"""
        if link.previous != self._hash and any(
            later.previous == self._hash for later in self._chain.links
        ):
            detail = f"another row stands under number {seq}"
            return _BrokenError(Fault.REORDERED, seq, detail)
        return _BrokenError(Fault.CHANGED, seq, f"row {seq}, or the one before it, was changed")


def _signed(jws: str, jwks: Mapping[str, Any], where: str) -> Checkpoint:
    try:
        return Checkpoint.read(jws, jwks)
    except SignatureError as error:
        detail = f"a checkpoint {where}: {error}"
        raise _BrokenError(Fault.BAD_SIGNATURE, None, detail) from error


def _hash_of(chain: Chain, link: Link) -> bytes | None:
    """The hash of what the row says; None if it does not say what rows say."""
    fields = (link.seq, link.at, link.kind, link.body, link.previous, link.hash)
    if not all(map(_is, fields, _LINK_TYPES)):
        return None
    try:
        return row_hash(
            link.previous,
            tenant=chain.tenant,
            stream=chain.stream,
            seq=link.seq,
            at=link.at,
            kind=link.kind,
            body=link.body,
        )
    except UnicodeEncodeError:
        return None  # text that cannot have been stored by us


def _tells_of_retention(link: Link, kept_from: int) -> bool:
    if link.kind != EventKind.AUDIT_RETENTION:
        return False
    try:
        says = json.loads(link.body)
    except (ValueError, RecursionError):
        return False
    return isinstance(says, dict) and says.get("kept_from") == kept_from


def _is(value: object, type_: type) -> bool:
    # Exactly: a bool is an int to Python, and two values that hash alike must be one value.
    return type(value) is type_
