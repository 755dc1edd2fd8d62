"""The list of mutants follows the code."""

from __future__ import annotations

import pytest

from tests.mutants import ROOT, Mutant
from tests.security.mutants import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_mutant_changes_one_place_that_is_there(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1
    assert mutant.new != mutant.old
    assert all((ROOT / name.split("::")[0]).is_file() for name in mutant.tests if "/" in name)


def test_no_two_mutants_share_a_name() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert len(names) == len(set(names))
