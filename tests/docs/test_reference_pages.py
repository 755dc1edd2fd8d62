"""Pages that describe code say what the code says today."""

from __future__ import annotations

import pytest

from tests.docs.documents import ROOT
from tools.reference_docs import PAGES


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_the_code_says(name: str) -> None:
    written = (ROOT / "docs" / name).read_text("utf-8")
    assert written == PAGES[name](), f"docs/{name} is behind: run 'make docs'"
