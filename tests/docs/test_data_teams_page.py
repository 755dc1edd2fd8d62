"""What docs/data-teams.md shows works as shown: its commands run, one after the other."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from tests.docs.documents import fences

if TYPE_CHECKING:
    from tests.docs.conftest import Reader

PAGE = "docs/data-teams.md"
_REFRESH = "\nimport json, sys\nprint(json.dumps(refresh(sys.argv[1])))\n"


@pytest.mark.slow
def test_the_commands_do_what_the_guide_says(reader: Reader) -> None:
    first, again, current, twice, models, erased, backup = reader.follow(PAGE)
    assert re.search(r"ok +acme/handbook +2 documents", first)
    assert re.search(r"^changed +1$", again, re.MULTILINE)
    assert "handbook" in current
    assert re.search(r"handbook", twice)
    assert "g2" in models
    assert "old.md" in erased
    assert "60 euros" in backup
    (function,) = (fence.text for fence in fences(PAGE) if fence.mark == "python")
    said = reader.run(sys.executable, "-c", function + _REFRESH, "handbook")
    assert '"source": "handbook"' in said


def test_the_recipes_are_python_around_that_one_function() -> None:
    recipes = [fence.text for fence in fences(PAGE) if fence.mark == "recipe"]
    assert len(recipes) == 3
    for recipe in recipes:
        compile(recipe, PAGE, "exec")
        assert 'refresh("handbook")' in recipe
