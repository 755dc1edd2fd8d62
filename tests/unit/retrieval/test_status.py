"""The status table: complete, and concluding the way agents are told it does."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.status import TABLE, Action, ReasonCode, Status, conclude

_codes = st.sets(st.sampled_from(ReasonCode))


def test_every_reason_has_a_row_that_says_something_of_its_own() -> None:
    assert set(TABLE) == set(ReasonCode)
    messages = [row.message for row in TABLE.values()]
    assert len(set(messages)) == len(messages)
    assert all(message and not message.endswith(".") for message in messages)


def test_without_evidence_a_reason_asks_for_patience_or_for_silence() -> None:
    actions = {row.without_evidence for row in TABLE.values()}
    assert actions == {Action.ABSTAIN, Action.RETRY_LATER}


@given(codes=_codes)
def test_with_evidence_any_reason_is_a_caveat(codes: set[ReasonCode]) -> None:
    expected = (Status.DEGRADED, Action.ANSWER_WITH_CAVEAT) if codes else (Status.OK, Action.ANSWER)
    assert conclude(codes, evidence=True) == expected


@given(codes=_codes)
def test_without_evidence_nobody_is_told_to_answer(codes: set[ReasonCode]) -> None:
    status, action = conclude(codes, evidence=False)
    assert status is Status.NO_EVIDENCE
    passing = any(TABLE[code].without_evidence is Action.RETRY_LATER for code in codes)
    assert action is (Action.RETRY_LATER if passing else Action.ABSTAIN)


@pytest.mark.parametrize(
    ("codes", "action"),
    [
        ([ReasonCode.NO_MATCH], Action.ABSTAIN),
        ([ReasonCode.LOW_RELEVANCE], Action.ABSTAIN),
        ([ReasonCode.INJECTION_WITHHELD], Action.ABSTAIN),
        ([ReasonCode.STALE_EVIDENCE], Action.RETRY_LATER),
        ([ReasonCode.SOURCE_FAILING, ReasonCode.NO_MATCH], Action.RETRY_LATER),
    ],
)
def test_trying_again_is_advised_where_time_can_help(
    codes: list[ReasonCode], action: Action
) -> None:
    for order in itertools.permutations(codes):
        assert conclude(order, evidence=False) == (Status.NO_EVIDENCE, action)
