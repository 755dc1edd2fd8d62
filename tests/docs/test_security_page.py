"""The security page names, for each promise, tests that exist."""

from __future__ import annotations

import re

from tests.docs.documents import ROOT

_PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
_TESTS = re.compile(r"`(tests/[\w/]+\.py)`")


def promises() -> list[str]:
    """The rows of the table of promises, without its head."""
    _, _, after = _PAGE.partition("## Promises and the tests that hold them")
    table, _, _ = after.partition("\n## ")
    return [line for line in table.splitlines() if line.startswith("|")][2:]


def test_each_promise_is_held_by_tests_that_exist() -> None:
    assert len(promises()) > 10
    for promise in promises():
        named = _TESTS.findall(promise)
        assert named or "`make " in promise, promise
        for name in named:
            assert re.search(
                r"^def test_", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE
            ), name


def test_each_module_of_the_security_suite_holds_a_promise() -> None:
    named = set(_TESTS.findall(_PAGE))
    modules = (ROOT / "tests" / "security").glob("test_*.py")
    suite = {path.relative_to(ROOT).as_posix() for path in modules}
    assert suite - named == set()
