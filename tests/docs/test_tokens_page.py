"""The page on tokens: its configurations work, and it names every scope and every fault."""

from __future__ import annotations

import pytest

from acl.caller import ApiScope
from acl.identity.faults import TokenFault
from acl.identity.jwks import Patience
from acl.identity.tokens import MAX_TOKEN_CHARS
from retrieval.settings import Settings
from tests.docs.documents import ROOT, fences

PAGE = "docs/tokens.md"


def test_every_configuration_shown_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = [fence.text for fence in fences(PAGE) if fence.mark == "issuers"]
    assert len(shown) == 2
    for text in shown:
        monkeypatch.setenv("CLEARANCE_ISSUERS", text)
        assert Settings().issuers


@pytest.mark.parametrize("names", [ApiScope, TokenFault])
def test_every_scope_and_every_fault_has_a_row(names: type[ApiScope | TokenFault]) -> None:
    rows = [line for line in (ROOT / PAGE).read_text("utf-8").splitlines() if line.startswith("|")]
    assert [
        name for name in names if not any(row.startswith(f"| `{name}` |") for row in rows)
    ] == []


def test_the_times_it_names_are_those_of_the_code() -> None:
    patience = Patience()
    assert (patience.lifetime, patience.longest, patience.pause) == (600, 3_600, 15)
    assert MAX_TOKEN_CHARS == 16 * 1024
