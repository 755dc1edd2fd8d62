"""Checking an answer against what the scenario expects of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval.demo.scenario import CORPUS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from retrieval.demo.scenario import Expectation, Scenario
    from retrieval.evidence import Evidence, RetrieveResponse

Check = tuple[str, bool]


def path_of(scenario: Scenario, tenant: str, uri: str) -> str:
    """The scenario's name, SOURCE/PATH, of a cited document."""
    for source in scenario.tenants[tenant].sources:
        prefix = (CORPUS / source.path).as_uri() + "/"
        if uri.startswith(prefix):
            return f"{source.name}/{uri.removeprefix(prefix)}"
    return uri


def cited(scenario: Scenario, tenant: str, evidence: Iterable[Evidence]) -> set[str]:
    """Every document the evidence cites or names as saying the same."""
    uris = {uri for piece in evidence for uri in _uris(piece)}
    return {path_of(scenario, tenant, uri) for uri in uris}


def check(
    scenario: Scenario, tenant: str, expected: Expectation, answer: RetrieveResponse
) -> list[Check]:
    """Each expectation in words, and whether it holds."""
    found = cited(scenario, tenant, answer.evidence)
    texts = "\n".join(piece.text for piece in answer.evidence)
    messages = "\n".join(f.message for piece in answer.evidence for f in piece.trust.findings)
    reasons = {reason.code.value for reason in answer.reasons}
    checks: list[Check] = []
    if expected.expect_status is not None:
        checks.append((f"status {expected.expect_status}", answer.status == expected.expect_status))
    checks += [(f"reason {code}", code in reasons) for code in expected.expect_reasons]
    if expected.any_document:
        one = not found.isdisjoint(expected.expect_documents)
        checks.append((f"cites one of {', '.join(expected.expect_documents)}", one))
    else:
        checks += [(f"cites {path}", path in found) for path in expected.expect_documents]
    checks += [(f"does not cite {path}", path not in found) for path in expected.forbid_documents]
    checks += [(f"serves nothing of '{t}'", t not in texts) for t in expected.forbid_text]
    if expected.forbid_text:
        quiet = not any(text in messages for text in expected.forbid_text)
        checks.append(("findings do not repeat it either", quiet))
    if expected.finding_in is not None:
        checks.append(
            (f"finding in {expected.finding_in}", _flagged(scenario, tenant, expected, answer))
        )
    if expected.conflict:
        checks.append((f"both sides: {' / '.join(expected.conflict)}", _both(expected, answer)))
    if expected.also_in:
        checks.append(
            ("one piece names both places", _names_all(scenario, tenant, expected, answer))
        )
    return checks


def _uris(piece: Evidence) -> list[str]:
    return [piece.citation.uri, *(other.uri for other in piece.also_in)]


def _flagged(
    scenario: Scenario, tenant: str, expected: Expectation, answer: RetrieveResponse
) -> bool:
    return any(
        piece.trust.verdict != "clean"
        and path_of(scenario, tenant, piece.citation.uri) == expected.finding_in
        for piece in answer.evidence
    )


def _both(expected: Expectation, answer: RetrieveResponse) -> bool:
    sides = [
        next((p for p in answer.evidence if text in p.text and p.conflicts_with), None)
        for text in expected.conflict
    ]
    return all(side is not None for side in sides) and len({s.id for s in sides if s}) == len(sides)


def _names_all(
    scenario: Scenario, tenant: str, expected: Expectation, answer: RetrieveResponse
) -> bool:
    return any(
        {path_of(scenario, tenant, uri) for uri in _uris(piece)} >= set(expected.also_in)
        for piece in answer.evidence
    )
