"""Commands in the documents exist, with the options they are given."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from tests.docs.documents import DOCUMENTS, code, fences
from tools.reference_docs import every_command

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMANDS = dict(every_command())
GROUPS = {path.rpartition(" ")[0] for path in COMMANDS}


def _lines(document: str) -> Iterator[str]:
    for fence in fences(document):
        if fence.language == "sh":
            yield from fence.text.replace("\\\n", " ").splitlines()
    yield from code(document)


def _calls(document: str) -> Iterator[list[str]]:
    """The words of every call of ``clearance``, from its name on."""
    for line in _lines(document):
        if "clearance " not in f"{line} ":
            continue
        words = shlex.split(line, comments=True)
        if words[:1] == ["clearance"]:
            yield words
        elif words[:2] == ["docker", "exec"]:
            yield words[words.index("clearance") :]


def _command(words: list[str]) -> tuple[str, list[str]]:
    """The longest known command a call begins with, and the words after it."""
    for length in (3, 2):
        path = " ".join(words[:length])
        if path in COMMANDS:
            return path, words[length:]
    raise AssertionError(f"no such command: {shlex.join(words)}")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_and_option_that_is_shown_exists(document: str) -> None:
    for words in _calls(document):
        if " ".join(words) in GROUPS or words[1].startswith("--"):
            continue
        path, rest = _command(words)
        known = {name for p in COMMANDS[path].params for name in getattr(p, "opts", ())}
        unknown = {word for word in rest if word.startswith("-")} - known - {"--help"}
        assert not unknown, f"{document}: {shlex.join(words)}"


def test_the_documents_do_show_commands() -> None:
    shown = {_command(words)[0] for words in _calls("README.md")}
    assert {"clearance ingest", "clearance query", "clearance acl add-member"} <= shown
