"""A guarded parser answers like the plain one and outlives any file."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from ingestion.errors import ParseError, ParseErrorCode
from ingestion.parsing.guarded import GuardedParser
from ingestion.parsing.registry import ParseLimits, parse

SLOW = b"- a\n" * 400_000  # seconds of list items


@pytest.fixture(scope="module")
def guarded() -> Iterator[GuardedParser]:
    with GuardedParser(ParseLimits(max_bytes=5_000_000), workers=2) as parser:
        yield parser


def test_it_answers_and_refuses_like_the_plain_parser(guarded: GuardedParser) -> None:
    source = b"# Head\n\n<!-- c -->body"
    assert guarded.parse(source, name="a.md") == parse(source, name="a.md")
    for content, name in ((b"", "a.txt"), (b"%PDF-x", "a.pdf"), (b"x" * 5_000_001, "a.txt")):
        with pytest.raises(ParseError) as caught:
            guarded.parse(content, name=name)
        with pytest.raises(ParseError) as expected:
            parse(content, name=name, limits=ParseLimits(max_bytes=5_000_000))
        assert (caught.value.code, str(caught.value)) == (
            expected.value.code,
            str(expected.value),
        )


def test_a_file_that_takes_too_long_is_given_up_and_the_next_is_read() -> None:
    with GuardedParser(timeout_seconds=0.2) as parser:
        with pytest.raises(ParseError, match=r"within 0\.2 seconds") as caught:
            parser.parse(SLOW, name="a.md")
        assert caught.value.code == ParseErrorCode.TIMEOUT
        assert parser.parse(b"words", name="a.txt").text == "words"


def test_a_file_that_brings_its_worker_down_is_malformed_and_the_next_is_read() -> None:
    before = set(multiprocessing.active_children())

    def crash() -> None:
        time.sleep(0.3)
        for child in set(multiprocessing.active_children()) - before:
            os.kill(child.pid or 0, signal.SIGKILL)

    with GuardedParser() as parser:
        parser.parse(b"warm", name="a.txt")
        killer = threading.Thread(target=crash)
        killer.start()
        with pytest.raises(ParseError, match="crashed") as caught:
            parser.parse(SLOW, name="a.md")
        killer.join()
        assert caught.value.code == ParseErrorCode.MALFORMED
        assert parser.parse(b"words", name="a.txt").text == "words"


def test_a_worker_that_died_idle_is_replaced() -> None:
    before = set(multiprocessing.active_children())
    with GuardedParser() as parser:
        parser.parse(b"words", name="a.txt")
        for child in set(multiprocessing.active_children()) - before:
            child.kill()
            child.join()
        assert parser.parse(b"words", name="a.txt").text == "words"


def test_many_threads_share_the_workers(guarded: GuardedParser) -> None:
    texts: list[str] = []
    threads = [
        threading.Thread(
            target=lambda n=n: texts.append(guarded.parse(b"text %d" % n, name="a.txt").text)
        )
        for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(texts) == sorted(f"text {n}" for n in range(12))


def test_memory_beyond_the_limit_is_refused_and_not_taken() -> None:
    with GuardedParser(memory_bytes=600_000_000) as parser:
        with pytest.raises(ParseError):
            parser.parse(SLOW * 20, name="a.md")
        assert parser.parse(b"words", name="a.txt").text == "words"


def test_a_closed_parser_says_so_and_leaves_no_process() -> None:
    before = set(multiprocessing.active_children())
    parser = GuardedParser()
    parser.parse(b"words", name="a.txt")
    parser.close()
    parser.close()
    assert set(multiprocessing.active_children()) <= before
    with pytest.raises(RuntimeError, match="closed"):
        parser.parse(b"words", name="a.txt")


@pytest.mark.parametrize("numbers", [{"timeout_seconds": 0.0}, {"workers": 0}])
def test_numbers_out_of_range_are_refused(numbers: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        GuardedParser(**numbers)  # type: ignore[arg-type]  # one dict holds either number
