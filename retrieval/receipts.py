"""Receipts: a signed statement of what was shown to whom, under which view.

A receipt is a function of what the caller saw: no count, no generation, no version of the tenant is
in it, and its id is a keyed hash of what it says. So two worlds that differ in what the caller may
not see give the same receipt, to the byte, under the same key, clock and request id; and rows of
one id are the same rows, so writing them again may be skipped.

How the query path uses it, just before the answer leaves::

    shown = Shown(
        view=response.view,
        evidence=response.evidence,
        acl_ids={piece.chunk.id: piece.chunk.acl_id for piece in answer.pieces},
        query_digest=query_digest(runtime.secret, caller.tenant, request.query),
        status=response.status,
        action=response.action,
    )
    issued = issue(
        runtime.signer, caller, shown,
        secret=runtime.secret, request_id=request_id, now=runtime.clock(),
    )
    runtime.ledger.record(caller.tenant, event, issued.rows)
    response = response.model_copy(update={"receipt": issued.jws})

and for one piece by its id, which shows its neighbours too::

    Shown(
        view=resolved.view.digest,
        evidence=[evidence],
        acl_ids={c.id: c.acl_id for c in (chunk, *(c for _, c in near))},
        neighbours=[*before, *after],
    )
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from acl.audit.events import microseconds
from acl.caller import GroupsFrom
from acl.digest import keyed_id
from ingestion.prepare import PREPARED_BY, text_sha256
from retrieval.receipt_statement import (
    TYP,
    VERSION,
    Cited,
    Narrowed,
    Statement,
    Versions,
)
from retrieval.records import ExposureRow, ReceiptRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from acl.caller import Caller, Narrowing
    from acl.orm import TenantScoped
    from acl.signing import Signer
    from retrieval.evidence import Evidence, Neighbour
    from retrieval.status import Action, Status

_UNSAID: Final = ""


@dataclass(frozen=True, slots=True)
class Issued:
    """A receipt just signed, and the rows that must be durable before it is handed out.

    Attributes:
        jws: the signed statement, in compact form.
        receipt_id: under which its status can be asked.
        rows: for :meth:`acl.audit.ledger.Ledger.record`.
    """

    jws: str
    receipt_id: str
    rows: tuple[tuple[type[TenantScoped], list[dict[str, Any]]], ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """What is about to be shown.

    Attributes:
        view: the view digest.
        evidence: exactly as it will be served.
        acl_ids: the ACL of every chunk in ``evidence`` and ``neighbours``, for the record of
            exposures; not in the receipt.
        query_digest: keyed, of the question; empty where nothing was asked.
        status: of the answer, if there is one.
        action: of the answer, if there is one.
        neighbours: what is shown beside the one piece in ``evidence``.
    """

    view: str
    evidence: Sequence[Evidence]
    acl_ids: Mapping[str, str]
    query_digest: str = ""
    status: Status | None = None
    action: Action | None = None
    neighbours: Sequence[Neighbour] = ()


def issue(
    signer: Signer, caller: Caller, shown: Shown, *, secret: bytes, request_id: str, now: datetime
) -> Issued:
    """State what is about to be shown to ``caller``.

    Args:
        signer: whose newest key signs.
        caller: to whom.
        shown: what.
        secret: the installation's; keys the receipt's id.
        request_id: of the answer.
        now: the clock, aware UTC.

    Raises:
        acl.errors.SigningKeyError: nothing can be signed, so nothing may be served.
    """
    cited = [
        *map(_cited, shown.evidence),
        *(_beside(shown.evidence[0], near) for near in shown.neighbours),
    ]
    says = _unsigned(caller, shown, cited, secret=secret, now=now)
    receipt_id = keyed_id(secret, "receipt", says.model_dump_json(), request_id, microseconds(now))
    jws = signer.sign({**says.payload(), "jti": receipt_id}, typ=TYP)
    receipt = {
        "tenant": caller.tenant,
        "receipt_id": receipt_id,
        "at": now,
        "subject": str(caller.subject),
        "actors": stored_actors(caller),
        "asserted": _asserted(caller),
        "jws": jws,
    }
    exposures = list(_exposures(caller.tenant, receipt_id, cited, shown.acl_ids))
    return Issued(jws, receipt_id, ((ReceiptRow, [receipt]), (ExposureRow, exposures)))


def _unsigned(
    caller: Caller, shown: Shown, cited: list[Cited], *, secret: bytes, now: datetime
) -> Statement:
    """All that the receipt says but its id, which follows from the rest."""
    return Statement(
        v=VERSION,
        jti=_UNSAID,
        iss=installation_id(secret),
        iat=microseconds(now) // 1_000_000,
        tenant=caller.tenant,
        sub=str(caller.subject),
        act=[str(actor) for actor in caller.actors],
        purpose=caller.narrowing.purpose,
        narrowing=_narrowed(caller.narrowing),
        query=shown.query_digest or None,
        view=shown.view,
        status=shown.status,
        action=shown.action,
        citations=cited,
        versions=Versions(software=_software(), sanitiser=PREPARED_BY),
    )


def installation_id(secret: bytes) -> str:
    """Which installation issued a receipt: an opaque name, from which nothing else follows."""
    return f"urn:uuid:{keyed_id(secret, 'installation')}"


def stored_actors(caller: Caller) -> str:
    """The agents of a caller, as a receipt's row keeps them."""
    return json.dumps([str(actor) for actor in caller.actors])


def _asserted(caller: Caller) -> str | None:
    """The groups a token asserted, and whether the directory's count beside them."""
    if caller.groups_from is GroupsFrom.DIRECTORY:
        return None
    groups = sorted(map(str, caller.groups))
    return json.dumps({"groups": groups, "groups_from": caller.groups_from.value})


def _cited(piece: Evidence) -> Cited:
    citation, served = piece.citation, text_sha256(piece.text)
    return Cited(
        chunk_id=piece.chunk_id,
        document_id=citation.document_id,
        source=citation.source,
        version=citation.version,
        page=citation.page,
        start=citation.start,
        end=citation.end,
        text_sha256=citation.text_sha256,
        source_sha256=citation.source_sha256,
        served_sha256=None if served == citation.text_sha256 else served,
        state=piece.freshness.state,
        checked_at=microseconds(piece.freshness.checked_at) // 1_000_000,
        verdict=piece.trust.verdict,
    )


def _beside(piece: Evidence, near: Neighbour) -> Cited:
    """A neighbour stands in the same version of the same document as the piece it is beside."""
    citation = piece.citation
    return Cited(
        chunk_id=near.chunk_id,
        document_id=citation.document_id,
        source=citation.source,
        version=citation.version,
        start=near.start,
        end=near.end,
        source_sha256=citation.source_sha256,
        served_sha256=text_sha256(near.text),
        verdict=near.trust.verdict,
    )


def _narrowed(narrowing: Narrowing) -> Narrowed | None:
    if narrowing.sources is None and narrowing.acls is None:
        return None
    return Narrowed(
        sources=None if narrowing.sources is None else sorted(narrowing.sources),
        acls=None if narrowing.acls is None else sorted(narrowing.acls),
    )


def _exposures(
    tenant: str, receipt_id: str, cited: Sequence[Cited], acl_ids: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    for rank, piece in enumerate(cited, start=1):
        yield {
            "tenant": tenant,
            "document_id": piece.document_id,
            "receipt_id": receipt_id,
            "rank": rank,
            "version": piece.version,
            "chunk_id": piece.chunk_id,
            "acl_id": acl_ids[piece.chunk_id],
            "start": piece.start,
            "end": piece.end,
            "text_sha256": piece.text_sha256 or "",
        }


@cache
def _software() -> str:
    return version("clearance-retrieval")
