"""A second process takes work off a settling and changes nothing about what comes out."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.near import companion as beside
from ingestion.near import confirm as confirming
from ingestion.near import record, stored
from ingestion.near.batch import marks
from ingestion.near.companion import Companion
from ingestion.near.confirm import compared, confirm
from ingestion.near.wire import (
    pack_candidates,
    pack_marks,
    pack_pairs,
    pack_texts,
    unpack_candidates,
    unpack_marks,
    unpack_pairs,
    unpack_texts,
)
from tests.support.interrupted import Died
from tests.support.planted import families, strangers
from tests.unit.ingestion.near.shelf import sha

if TYPE_CHECKING:
    from typing import Any

    from tests.unit.ingestion.near.shelf import Shelf

# Every character, halves of surrogate pairs too: what was read of a file may hold anything.
_texts = st.lists(st.text(st.characters(), max_size=40), max_size=6)

TEXTS = {sha(text): text for family in families(4, seed=6) for text in family.texts}
PAIRS = [(one, other) for one, other in combinations(sorted(TEXTS), 2)]


@pytest.fixture
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of four texts, and the second process after the first of them."""
    monkeypatch.setattr(record, "PAGE", 4)
    monkeypatch.setattr(record, "MANY", 1)


@given(_texts)
def test_texts_and_marks_survive_the_way(texts: list[str]) -> None:
    assert unpack_texts(pack_texts(texts)) == texts
    made = marks(texts)
    assert unpack_marks(*pack_marks(made)) == made


@given(_texts)
def test_candidates_survive_the_way(texts: list[str]) -> None:
    given_texts = {sha(repr(text)): text for text in texts}
    pairs = list(zip(given_texts, reversed(given_texts), strict=True))
    assert unpack_candidates(pack_candidates(given_texts, pairs)) == (given_texts, pairs)


def test_pairs_with_all_that_they_contradict_survive_the_way() -> None:
    found = compared(TEXTS, PAIRS)
    assert any(pair.differences for pair in found)
    assert unpack_pairs(pack_pairs(found)) == found


def test_what_is_done_beside_is_what_is_done_here() -> None:
    texts = [*TEXTS.values(), "", "***", "\ud800 one", "\u4f1a\u8b70\u306f1\u6642"]
    with Companion() as companion:
        here = companion.mark(texts)
        companion.start()
        companion.start()  # which is the same one
        first = companion.confirm(PAIRS, asked)  # waits until the process is ready
        assert first.result() == confirm(PAIRS, asked)
        assert companion.mark(texts).result() == here.result() == marks(texts)


def asked(shas: Any) -> dict[str, str]:
    return {one: TEXTS[one] for one in shas}


def test_both_compare_until_all_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirming, "_SLICE", 5)
    whole = compared(TEXTS, PAIRS)
    with Companion() as companion:
        assert companion.confirm(PAIRS, asked).result() == whole
        companion.start()
        begun = companion.confirm(PAIRS, asked)
        futures = [coming for _, coming in begun.begun if coming is not None]
        assert len(futures) == math.ceil(len(PAIRS) / 5)
        assert begun.result() == whole
        assert all(coming.done() for coming in futures)
        assert companion.confirm([], asked).result() == []


@pytest.mark.usefixtures("_at_once")
def test_a_settling_with_a_companion_finds_what_one_without_finds(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [*TEXTS.values(), *strangers(9, seed=6, boilerplate=True), "***", ""]
    pids = spied(monkeypatch)
    shelf.hold(*texts)
    report = shelf.settle()
    with_one = shelf.pairs(), shelf.signed()
    assert len(pids) == 1
    shelf.hold()
    shelf.settle()
    monkeypatch.setattr(record, "MANY", 10**9)
    shelf.hold(*texts)
    assert shelf.settle() == report
    assert (shelf.pairs(), shelf.signed()) == with_one
    assert len(pids) == 1


@pytest.mark.usefixtures("_at_once")
def test_a_companion_that_is_killed_is_not_missed(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.hold(*TEXTS.values())
    shelf.settle()
    whole = shelf.pairs(), shelf.signed()
    shelf.hold()
    shelf.settle()
    pids = spied(monkeypatch, killed=True)
    shelf.hold(*TEXTS.values())
    shelf.settle()
    assert pids
    assert (shelf.pairs(), shelf.signed()) == whole


@pytest.mark.usefixtures("_at_once")
def test_where_no_process_can_be_started_all_is_done_here(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(descriptor: int) -> None:
        raise BlockingIOError(descriptor)  # as the kernel says it

    monkeypatch.setattr(beside, "_started", none)
    shelf.hold(*TEXTS.values())
    assert shelf.settle().compared == len(TEXTS)
    assert shelf.pairs()


@pytest.mark.usefixtures("_at_once")
def test_a_settling_that_fails_ends_its_companion(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = spied(monkeypatch)

    def fails(*_: Any) -> None:
        raise Died

    monkeypatch.setattr(stored, "store", fails)
    shelf.hold(*TEXTS.values())
    with pytest.raises(Died):
        shelf.settle()
    (pid,) = pids
    assert is_gone(pid)


def test_a_companion_ends_with_whoever_started_it_however_that_died() -> None:
    script = (
        "import sys, time\n"
        "from ingestion.near.companion import Companion\n"
        "companion = Companion(); companion.start()\n"
        "print(companion.pid, flush=True); time.sleep(600)\n"
    )
    starter = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    )
    with starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert not is_gone(pid)
        starter.kill()
        starter.wait()
        while not is_gone(pid):
            time.sleep(0.01)


def spied(monkeypatch: pytest.MonkeyPatch, *, killed: bool = False) -> list[int]:
    """Process ids of all companions from now on; killed as soon as they are started, if so."""
    pids: list[int] = []
    started = beside._started

    def starting(descriptor: int) -> subprocess.Popen[bytes]:
        process = started(descriptor)
        pids.append(process.pid)
        if killed:
            process.kill()
        return process

    monkeypatch.setattr(beside, "_started", starting)
    return pids


def is_gone(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIG_DFL)  # which is no signal, and says whether it is there
        with suppress(FileNotFoundError):
            # Ended, and nobody has asked how.
            return ") Z " in Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    return True
