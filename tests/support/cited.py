"""Pieces of evidence as a check of claims sees them, without an installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.catalog import Place
from ingestion.prepare import text_sha256
from retrieval.verify_evidence import Cited, Original
from tests.support.clock import NOON
from verifier.policy import TrustPolicy, apply
from verifier.sanitise import sanitise
from verifier.screening import screen

if TYPE_CHECKING:
    from verifier.offsets import OffsetMap
    from verifier.policy import TrustedText


def piece(chunk_id: str, text: str, *, policy: TrustPolicy = TrustPolicy.FLAG) -> Cited:
    """A document of one chunk, as it is served under a policy."""
    clean = sanitise(text)
    trusted = apply(clean.text, screen(clean.text), policy)
    place = _place(chunk_id, text, clean.offsets)
    return Cited(chunk_id, place, trusted, _original(text, trusted, clean.offsets))


def _place(chunk_id: str, text: str, offsets: OffsetMap) -> Place:
    return Place(
        document_id=f"document of {chunk_id}",
        source="wiki",
        title="",
        uri="",
        version=1,
        page=None,
        ordinal=0,
        start=0,
        end=len(text),
        text_sha256=text_sha256(text),
        source_sha256=text_sha256(text),
        offsets=offsets.encode(),
        findings="",
        checked_at=NOON,
        modified_at=None,
    )


def _original(text: str, trusted: TrustedText, offsets: OffsetMap) -> Original:
    return Original(text, 0, trusted.offsets.compose(offsets))
