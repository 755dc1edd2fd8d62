"""Budgets tell of the caller's own use alone: two worlds, and colleagues who are served more."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from acl.principal import Principal
from tests.security.test_two_worlds_over_http import ANN, BOB, furnish, spelled, surface, token_of
from tests.support.clock import NOON

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.security.test_two_worlds_over_http import Surface
    from tests.support.catalogue import Blank

BUDGETS = {
    "budget_user_requests_per_minute": 30,
    "budget_user_evidence_tokens_per_minute": 90,
    "budget_user_evidence_tokens_per_day": 10_000,
    "budget_user_claims_per_minute": 4,
    "budget_tenant_requests_per_minute": 1_000,
    "budget_tenant_evidence_tokens_per_day": 1_000_000,
}
ASKED = ("merger of the branch", "euros", "euros", "merger", "euros", "euros")


def replies(wire: Surface) -> list[str]:
    """What Ann reads, until her tokens are used up and beyond."""
    body = {"limit": 5, "min_relevance": 0.0}
    asked = [wire.reply("POST", "/v1/retrieve", {"query": query, **body}) for query in ASKED]
    claim = {"text": "So it is.", "citations": [{"chunk_id": "nowhere"}]}
    asked += [wire.reply("POST", "/v1/verify", {"claims": [claim] * 2}) for _ in range(3)]
    asked.append(wire.reply("GET", "/v1/sources"))
    return [spelled(one) for one in asked]


def test_no_byte_of_what_a_budget_says_tells_of_hidden_documents_or_of_colleagues(
    blank_catalogue: Blank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", NOON.timestamp)  # the budgets' clock stands still
    got = []
    for name, hidden in (("whole", True), ("without", False)):
        with surface(blank_catalogue, tmp_path / name, None, settings=BUDGETS) as (world, wire):
            furnish(world, hidden=hidden)
            if hidden:  # Bob is shown what Ann may not see, and is charged for it
                other = wire.of(token_of(world, BOB))
                assert "secret" in replies(other)[0]
            got.append(replies(wire))
    assert got[0] == got[1]
    told = "\n".join(got[0])
    assert "quota_exceeded" in told
    assert '"evidence-tokens-day";r=' in told
    assert "secret" not in told


def test_keys_of_a_shared_store_name_nobody(blank_catalogue: Blank, tmp_path: Path) -> None:
    with surface(blank_catalogue, tmp_path / "one", None, settings=BUDGETS) as (world, wire):
        furnish(world, hidden=True)
        replies(wire)
        admission = world.runtime.admission
        kept = repr(vars(vars(admission.counters)["_here"]._sliding.storage))
    subject = Principal.parse(ANN)
    assert "requests/" in kept
    for name in (str(subject), subject.id, "bank"):
        assert name not in kept
