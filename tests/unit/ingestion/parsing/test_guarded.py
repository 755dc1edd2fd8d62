"""A guarded parser answers like the plain one and outlives any file."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import docx
import pytest
from fpdf import FPDF
from hypothesis import given
from hypothesis import strategies as st

from ingestion.documents import ParsedDocument
from ingestion.errors import ParseError, ParseErrorCode, ParserUnavailableError
from ingestion.parsing.guarded import GuardedParser
from ingestion.parsing.registry import ParseLimits, parse
from tests.support.files import deck, mail, saved, workbook

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


def test_every_packed_format_is_read_within_the_limits_of_a_worker(guarded: GuardedParser) -> None:
    pages = FPDF()
    pages.add_page()
    pages.set_font("Helvetica")
    pages.cell(text="words")
    letter = docx.Document()
    letter.add_heading("words", 1)
    message = mail("words")
    message.add_attachment(saved(letter), "application", "octet-stream", filename="a.docx")
    for name, content in (
        ("a.pdf", bytes(pages.output())),
        ("a.docx", saved(letter)),
        ("a.pptx", saved(deck(("words", "more")))),
        ("a.xlsx", saved(workbook(("S", [["words", 1.5]])))),
        ("a.eml", message.as_bytes()),
    ):
        parsed = guarded.parse(content, name=name)
        assert "words" in parsed.text
        assert parsed == parse(content, name=name)


def test_a_file_that_takes_too_long_is_given_up_and_the_next_is_read() -> None:
    with GuardedParser(timeout_seconds=0.2, workers=1) as parser:
        with pytest.raises(ParseError, match=r"within 0\.2 seconds") as caught:
            parser.parse(SLOW, name="a.md")
        assert caught.value.code == ParseErrorCode.TIMEOUT
        assert parser.parse(b"words", name="a.txt").text == "words"


def test_a_file_that_brings_its_worker_down_is_malformed_and_the_next_is_read() -> None:
    with GuardedParser(workers=1) as parser:
        parser.parse(b"warm", name="a.txt")
        (worker,) = parser.worker_pids()
        killer = threading.Timer(0.3, os.kill, (worker, signal.SIGKILL))
        killer.start()
        with pytest.raises(ParseError, match="crashed") as caught:
            parser.parse(SLOW, name="a.md")
        killer.join()
        assert caught.value.code == ParseErrorCode.MALFORMED
        assert parser.parse(b"words", name="a.txt").text == "words"
        assert parser.worker_pids() != {worker}


def test_a_worker_that_died_idle_is_replaced() -> None:
    with GuardedParser(workers=1) as parser:
        parser.parse(b"words", name="a.txt")
        (worker,) = parser.worker_pids()
        os.kill(worker, signal.SIGKILL)
        assert parser.parse(b"words", name="a.txt").text == "words"
        assert len(parser.worker_pids()) == 1


def test_a_worker_is_kept_warm_and_replaced_once_it_has_grown() -> None:
    ballast = bytearray(300_000_000)  # of the process that starts them, so none of their business
    ballast[::4_096] = b"x" * len(ballast[::4_096])
    big = "€ ".encode() * 9_900_000
    with GuardedParser(workers=2, memory_bytes=600_000_000) as parser:
        parser.parse(b"words", name="a.txt")
        before = parser.worker_pids()
        parser.parse(b"words", name="a.txt")
        assert parser.worker_pids() == before
        parser.parse(big, name="a.txt")
        assert not parser.worker_pids()
        assert parser.parse(b"words", name="a.txt").text == "words"


def test_a_parser_that_burns_its_processor_time_is_stopped_by_the_system() -> None:
    """As when the one that would kill it has died first."""
    with GuardedParser(workers=1, timeout_seconds=1) as parser:
        parser.parse(b"warm", name="a.txt")
        worker = next(iter(parser._running))
        with pytest.raises(ParseError) as caught:
            worker.ask(SLOW, "a.md", None, 60, 1_000_000)
        assert caught.value.code == ParseErrorCode.TIMEOUT
        assert worker._process.returncode in {-signal.SIGXCPU, -signal.SIGALRM}


def test_a_worker_whose_owner_is_gone_ends() -> None:
    parser = GuardedParser(workers=1)
    parser.parse(b"warm", name="a.txt")
    worker = next(iter(parser._running))
    worker._pipe.close()
    assert worker._process.wait(30) == 0


def test_a_worker_is_told_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARANCE_DATABASE_URL", "postgresql://u:swordfish@h/d")
    with GuardedParser(workers=1) as parser:
        parser.parse(b"warm", name="a.txt")
        (worker,) = parser.worker_pids()
        surroundings = Path(f"/proc/{worker}/environ").read_bytes()
    assert b"PYTHONPATH" in surroundings
    assert b"swordfish" not in surroundings


def test_a_worker_that_cannot_start_says_why_and_blames_no_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho first >&2\necho no such module >&2\nexit 1\n")
    broken.chmod(0o700)
    with GuardedParser(workers=1) as parser:
        for program, reason in ((broken, "no such module"), (tmp_path / "none", "No such file")):
            monkeypatch.setattr(sys, "executable", str(program))
            with pytest.raises(ParserUnavailableError, match=reason):
                parser.parse(b"words", name="a.txt")
        assert not parser.worker_pids()
        monkeypatch.undo()
        assert parser.parse(b"words", name="a.txt").text == "words"


def test_starting_a_worker_loads_no_parser_library() -> None:
    heavy = ("pptx", "openpyxl", "docx", "lxml", "pypdfium2", "selectolax", "torch", "numpy")
    program = "import sys, ingestion.parsing.worker; print(*(set(sys.modules) & set(sys.argv)))"
    command = [sys.executable, "-c", program, *heavy]
    loaded = subprocess.run(  # noqa: S603 - our own interpreter
        command, capture_output=True, text=True, check=True
    )
    assert loaded.stdout.split() == []


@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.lists(st.sampled_from('# ab,;|<>-\n\t"é\u2028'), max_size=60).map(
            lambda marks: "".join(marks).encode()
        ),
    ),
    st.sampled_from(["a.txt", "a.md", "a.html", "a.csv", "a.eml", "a.rst", "a.json", "a"]),
)
def test_every_small_file_gives_what_the_plain_parser_gives(
    guarded: GuardedParser, content: bytes, name: str
) -> None:
    assert outcome(guarded.parse, content, name) == outcome(parse, content, name)


def outcome(
    parser: Callable[..., ParsedDocument], content: bytes, name: str
) -> ParsedDocument | tuple[str, str]:
    try:
        return parser(content, name=name)
    except ParseError as error:
        return error.code, error.message


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
    parser = GuardedParser()
    parser.parse(b"words", name="a.txt")
    (worker,) = parser.worker_pids()
    parser.close()
    parser.close()
    assert not parser.worker_pids()
    assert not Path(f"/proc/{worker}").exists()
    with pytest.raises(RuntimeError, match="closed"):
        parser.parse(b"words", name="a.txt")


@pytest.mark.parametrize("numbers", [{"timeout_seconds": 0}, {"workers": 0}])
def test_numbers_that_are_not_positive_are_refused(numbers: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        GuardedParser(**numbers)  # type: ignore[arg-type]  # one dict holds either number


def test_less_memory_than_an_interpreter_needs_is_refused() -> None:
    with pytest.raises(ValueError, match="memory_bytes"):
        GuardedParser(memory_bytes=1_000_000)
