"""Audit chains in memory, made as they are stored, to be tampered with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from acl.audit.chain import genesis, row_hash
from acl.audit.checkpoints import Checkpoint
from acl.audit.kinds import Stream
from acl.audit.reading import Chain, Head, Link
from acl.audit.verify import check
from acl.canonical import canonical

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acl.audit.verify import Verdict
    from acl.signing import Signer

TENANT = "bank"
STREAM = Stream.ACCESS.value


@dataclass
class Forgeable:
    """A chain whose every part can be changed."""

    links: list[Link]
    head: Head | None
    checkpoints: list[str] = field(default_factory=list)
    tenant: str = TENANT
    stream: str = STREAM

    def copy(self) -> Forgeable:
        """Another one with the same rows."""
        return replace(self, links=list(self.links), checkpoints=list(self.checkpoints))

    def change(self, place: int, **fields: Any) -> None:
        """Change a row, and nothing that would hide it."""
        self.links[place] = replace(self.links[place], **fields)

    def forge(self, start: int) -> None:
        """Make every hash from a row on anew, and the head: all that needs no key."""
        previous = self.links[start - 1].hash if start else genesis(self.tenant, self.stream)
        for place in range(start, len(self.links)):
            link = replace(self.links[place], seq=self.links[0].seq + place, previous=previous)
            previous = own_hash(link, tenant=self.tenant, stream=self.stream)
            self.links[place] = replace(link, hash=previous)
        assert self.head is not None
        last = self.links[-1] if self.links else None
        self.head = replace(self.head, seq=last.seq if last else 0, hash=previous)

    def verdict(self, jwks: dict[str, Any], checkpoints: Sequence[str] = ()) -> Verdict:
        """What verification finds."""
        chain = Chain(self.tenant, self.stream, self.head, self.checkpoints, iter(self.links))
        return check(chain, jwks=jwks, checkpoints=checkpoints)

    def checkpoint(self, signer: Signer, place: int, **fields: Any) -> str:
        """A signed statement about a row."""
        link = self.links[place]
        made = Checkpoint(self.tenant, self.stream, link.seq, link.hash, at=link.at)
        return replace(made, **fields).sign(signer)


def own_hash(link: Link, *, tenant: str = TENANT, stream: str = STREAM) -> bytes:
    """The hash a row should have."""
    return row_hash(
        link.previous,
        tenant=tenant,
        stream=stream,
        seq=link.seq,
        at=link.at,
        kind=link.kind,
        body=link.body,
    )


def chain_of(bodies: Sequence[dict[str, Any]], *, kind: str = "query") -> Forgeable:
    """A good chain of events with these bodies."""
    previous, links = genesis(TENANT, STREAM), []
    for seq, body in enumerate(bodies, start=1):
        link = Link(seq, 1_000_000 + seq, kind, canonical(body).decode(), previous, b"")
        previous = own_hash(link)
        links.append(replace(link, hash=previous))
    return Forgeable(links, Head(len(links), previous, 1))
