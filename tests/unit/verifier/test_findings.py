"""Findings survive storage, and their messages carry nothing alive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.errors import FindingError
from verifier.findings import QUOTED_LENGTH, Finding, FindingKind, Severity, quoted

findings = st.builds(
    Finding,
    rule=st.text(),
    kind=st.sampled_from(FindingKind),
    severity=st.sampled_from(Severity),
    message=st.text(),
    start=st.integers(0),
    end=st.integers(0),
    original_start=st.integers(0),
    original_end=st.integers(0),
)


@given(findings)
def test_a_stored_finding_is_read_back(finding: Finding) -> None:
    assert Finding.from_dict(finding.to_dict()) == finding


@given(findings, st.sampled_from(["rule", "kind", "start", "original_end"]))
def test_a_missing_field_is_named(finding: Finding, field: str) -> None:
    stored = finding.to_dict()
    del stored[field]
    with pytest.raises(FindingError, match=field):
        Finding.from_dict(stored)


def test_unknown_fields_and_kinds_are_refused() -> None:
    stored = Finding.at(
        0, 1, rule="r", kind=FindingKind.HIDDEN, severity=Severity.LOW, message="m"
    ).to_dict()
    with pytest.raises(FindingError, match="colour"):
        Finding.from_dict({**stored, "colour": "red"})
    with pytest.raises(FindingError, match="FindingKind"):
        Finding.from_dict({**stored, "kind": "other"})


def test_shifting_moves_both_spans() -> None:
    finding = Finding.at(
        2, 5, rule="r", kind=FindingKind.HIDDEN, severity=Severity.LOW, message="m"
    ).shifted(-2, original=10)
    assert (finding.start, finding.end, finding.original_start, finding.original_end) == (
        0,
        3,
        12,
        15,
    )


@given(st.text(max_size=300))
def test_quoted_content_is_short_and_plain(text: str) -> None:
    said = quoted(text)
    assert len(said) <= QUOTED_LENGTH
    assert not set(said) & set("<>[](){}|`:/")
