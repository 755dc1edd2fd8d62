"""The page on flags tells of every flag, its values and its meaning."""

from __future__ import annotations

from retrieval.flags.flag import MEANINGS, VALUES, FlagName
from tests.docs.documents import ROOT

TARGETS = {FlagName.SOURCE: ":NAME", FlagName.ROUTE: ":OPERATION", FlagName.TOOL: ":NAME"}


def test_the_table_of_flags_is_that_of_the_code() -> None:
    page = (ROOT / "docs" / "flags.md").read_text("utf-8").splitlines()
    table = [line for line in page if line.startswith("| `")]
    assert table == [
        f"| `{name}{TARGETS.get(name, '')}` | {', '.join(f'`{value}`' for value in VALUES[name])} "
        f"| {MEANINGS[name]} |"
        for name in FlagName
    ]
