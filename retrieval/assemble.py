"""From a stored chunk to a piece of evidence: which place to cite, how fresh, how far to trust."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ingestion.freshness import FreshnessState, age_seconds, source_state
from ingestion.models import OnStale
from retrieval import evidence as shapes
from retrieval.status import ReasonCode
from verifier.findings import Finding
from verifier.policy import TrustPolicy, TrustVerdict, apply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from ingestion.catalog import Place, SourceState, StoredChunk
    from verifier.policy import TrustedText

    Title: TypeAlias = Callable[[str], str]

_REASON_OF_STATE = {
    FreshnessState.STALE: ReasonCode.STALE_SOURCE,
    FreshnessState.FAILING: ReasonCode.SOURCE_FAILING,
    FreshnessState.UNKNOWN: ReasonCode.SOURCE_UNKNOWN,
}
_REASON_OF_VERDICT = {
    TrustVerdict.FLAGGED: ReasonCode.INJECTION_FLAGGED,
    TrustVerdict.REDACTED: ReasonCode.INJECTION_REDACTED,
    TrustVerdict.WITHHELD: ReasonCode.INJECTION_WITHHELD,
}


@dataclass(frozen=True, slots=True)
class Dated:
    """A place with its freshness, and the reasons it gives for a caveat."""

    place: Place
    freshness: shapes.Freshness
    reasons: tuple[ReasonCode, ...]
    excluded: bool


def date(
    place: Place, sources: Mapping[str, SourceState], *, now: datetime, max_age: int | None
) -> Dated:
    """The freshness of a place, by its source's standard and the query's, whichever is stricter."""
    source = sources[place.source]
    state = source_state(source, now)
    limits = [limit for limit in (source.max_age_seconds, max_age) if limit is not None]
    allowed = min(limits, default=None)
    age = age_seconds(place.checked_at, now)
    reasons = []
    if state in _REASON_OF_STATE:
        reasons.append(_REASON_OF_STATE[state])
    if allowed is not None and age > allowed:
        reasons.append(ReasonCode.STALE_EVIDENCE)
        if state is FreshnessState.FRESH:
            state = FreshnessState.STALE
    if place.pending_since is not None:
        reasons.append(ReasonCode.PENDING_UPDATE)
    freshness = shapes.Freshness(
        state=state.value,
        checked_at=place.checked_at,
        modified_at=place.modified_at,
        age_seconds=age,
        max_age_seconds=allowed,
    )
    excluded = state is FreshnessState.STALE and source.on_stale == OnStale.EXCLUDE
    return Dated(place, freshness, tuple(reasons), excluded)


def best_place(dated: Iterable[Dated]) -> Dated:
    """The place to cite: one without a caveat first, then the latest modified, then by id."""
    return min(
        dated,
        key=lambda entry: (
            len(entry.reasons),
            -(entry.place.modified_at or entry.place.checked_at).timestamp(),
            entry.place.document_id,
            entry.place.ordinal,
        ),
    )


def trust(chunk: StoredChunk, place: Place, policy: TrustPolicy) -> TrustedText:
    """What the trust policy makes of a chunk's text at a place."""
    findings = tuple(Finding.from_dict(stored) for stored in json.loads(place.findings))
    return apply(chunk.text, findings, policy)


def trust_reason(trusted: TrustedText) -> ReasonCode | None:
    """The reason a verdict gives, if it gives one."""
    return _REASON_OF_VERDICT.get(trusted.verdict)


def trust_shape(trusted: TrustedText) -> shapes.Trust:
    """The verdict and findings as served; what was withheld takes its findings along."""
    return shapes.Trust(
        verdict=trusted.verdict.value,
        findings=[
            shapes.Finding(
                rule=finding.rule,
                kind=finding.kind.value,
                severity=finding.severity.value,
                message=finding.message,
                start=finding.start,
                end=finding.end,
            )
            for finding in trusted.findings
        ],
    )


def citation(place: Place, title: Title) -> shapes.Citation:
    """Where a chunk stands, as a citation; ``title`` says how titles are shown."""
    return shapes.Citation(
        document_id=place.document_id,
        source=place.source,
        title=title(place.title),
        uri=place.uri,
        version=place.version,
        page=place.page,
        start=place.start,
        end=place.end,
        text_sha256=place.text_sha256,
        source_sha256=place.source_sha256,
    )


def also_in(cited: Place, others: Iterable[Place], title: Title) -> list[shapes.AlsoIn]:
    """Other documents that say the same, each once; ``title`` says how titles are shown."""
    found = {
        place.document_id: shapes.AlsoIn(
            document_id=place.document_id, title=title(place.title), uri=place.uri
        )
        for place in others
        if place.document_id != cited.document_id
    }
    return sorted(found.values(), key=lambda entry: (entry.title, entry.document_id))
