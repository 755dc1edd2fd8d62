"""What is kept is found by who asked the same of the same view, and by nobody else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acl.caller import Caller, Narrowing
from acl.principal import Principal
from ingestion.index.port import Hit, SearchResult
from retrieval.resilience.memory import FRESH_SECONDS, Embeddings, Findings, key_of

ANN = Caller("bank", Principal.parse("user:ann"))
FOUND = SearchResult((Hit("a", 0.5),), (), exact=True)


class Clock:
    """Seconds, moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.mark.parametrize(
    "other",
    [
        replace(ANN, tenant="shop"),
        replace(ANN, subject=Principal.parse("user:bob")),
        replace(ANN, actors=(Principal.parse("service:bot"),)),
        replace(ANN, narrowing=Narrowing(sources=frozenset({"a"}))),
        replace(ANN, narrowing=Narrowing(purpose="audit")),
    ],
)
def test_no_other_caller_finds_what_was_kept(other: Caller) -> None:
    findings = Findings(300)
    findings.keep(key_of(ANN, "view", "question"), FOUND)
    assert findings.fresh(key_of(other, "view", "question")) is None
    assert findings.earlier(key_of(other, "view", "question")) is None
    assert findings.fresh(key_of(ANN, "view", "question")) == FOUND


@given(st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3))
def test_questions_share_a_key_only_if_they_are_the_same(one: list[str], two: list[str]) -> None:
    assert (key_of(ANN, *one) == key_of(ANN, *two)) == (one == two)


def test_after_a_while_the_index_is_asked_again_but_earlier_findings_stay_for_when_it_is_away() -> (
    None
):
    clock = Clock()
    findings, key = Findings(300, clock=clock), key_of(ANN, "q")
    findings.keep(key, FOUND)
    clock.now = FRESH_SECONDS + 1
    assert findings.fresh(key) is None
    earlier = findings.earlier(key)
    assert earlier is not None
    assert (earlier.result, earlier.age) == (FOUND, FRESH_SECONDS + 1)
    clock.now = 301
    assert findings.earlier(key) is None


def test_whoever_wants_no_earlier_findings_gets_none() -> None:
    findings, key = Findings(0, clock=(clock := Clock())), key_of(ANN, "q")
    findings.keep(key, FOUND)
    clock.now = 1
    assert findings.earlier(key) is None
    assert findings.fresh(key) == FOUND


def test_a_question_is_embedded_once_and_nobody_can_change_what_is_kept() -> None:
    made: list[int] = []

    def embed() -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        made.append(1)
        return np.ones(3, dtype=np.float32)

    embeddings = Embeddings()
    first, second = (embeddings.get(key_of(ANN, "f", "q"), embed) for _ in range(2))
    assert (len(made), first is second, first.flags.writeable) == (1, True, False)
    embeddings.get(key_of(ANN, "another model", "q"), embed)
    assert len(made) == 2


def test_no_more_is_kept_than_there_is_room_for() -> None:
    made: list[str] = []
    embeddings = Embeddings(most=2)
    for question in ("a", "b", "c", "c", "a"):
        embeddings.get(
            key_of(ANN, question), lambda: made.append("x") or np.zeros(1, dtype=np.float32)
        )
    assert len(made) == 4  # the first was let go for the third
