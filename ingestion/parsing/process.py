"""One worker process as its owner sees it: started, asked, killed.

What never lives here: which worker gets which file (``guarded``), and the worker's own code.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path
from typing import IO, Final

import ingestion
from ingestion.documents import ParsedDocument
from ingestion.errors import ParseError, ParseErrorCode, ParserUnavailableError
from ingestion.parsing.wire import MORE, unpack_answer

_START_SECONDS: Final = 60.0  # on a machine with better things to do
_END_SECONDS: Final = 5.0
_MAX_SAID: Final = 300
# Nothing else of the surroundings is a parser's business; keys and passwords stand there.
_INHERITED: Final = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
_OUT_OF_TIME: Final = frozenset({-signal.SIGXCPU, -signal.SIGALRM})
_BYTES_PER_CHAR: Final = 12  # a character outside the basic plane, as JSON escapes it
_BYTES_BESIDE_TEXT: Final = 256_000_000  # headings and findings


class Undelivered(Exception):  # noqa: N818 - not an error of the file's
    """The worker was gone before it had received the file."""


class WorkerProcess:
    """One process and the pipe to it.

    Attributes:
        pid: Its process id.
        has_retired: Whether it takes no further file.
    """

    def __init__(self, terms: bytes) -> None:
        """Start a process and wait until it is ready.

        Args:
            terms: What it is told before the first file.

        Raises:
            ParserUnavailableError: It does not start; the message says why.
        """
        self._pipe, theirs = Pipe()
        self.has_retired = False
        with theirs, tempfile.TemporaryFile() as said:
            try:
                self._process = _start(theirs.fileno(), said)
            except OSError as error:
                self._pipe.close()
                raise ParserUnavailableError(
                    f"parser: no worker process can be started ({error.strerror}); free memory or"
                    " raise the limit on processes"
                ) from error
            theirs.close()  # or the end of the process would not show
            self.pid = self._process.pid
            if not self._is_ready(terms):
                self.kill()
                raise ParserUnavailableError(
                    f"parser: the worker process does not start ({_last_words(said)}); reinstall"
                    " the package or raise the memory limit of workers"
                )

    def _is_ready(self, terms: bytes) -> bool:
        """Wait for the process to come up: starting is no file's fault, so it does not count."""
        try:
            self._pipe.send_bytes(terms)
            return self._pipe.poll(_START_SECONDS) and bool(self._pipe.recv_bytes())
        except (EOFError, OSError):
            return False

    def is_alive(self) -> bool:
        """Tell whether the process still runs."""
        return self._process.poll() is None

    def ask(
        self, content: bytes, name: str, media_type: str | None, seconds: float, max_chars: int
    ) -> ParsedDocument | ParseError:
        """Send a file and wait for what was read of it, or why it was not.

        Raises:
            Undelivered: The process was gone before it had the file.
            ParseError: ``timeout``, or ``malformed`` if the process died of it.
        """
        try:
            self._pipe.send_bytes(json.dumps([name, media_type]).encode())
            self._pipe.send_bytes(content)
            if not self._pipe.poll(_START_SECONDS):
                raise Undelivered
            self._pipe.recv_bytes()  # it has the file, and answers for it from here
        except (EOFError, OSError) as error:
            raise Undelivered from error
        try:
            if not self._pipe.poll(seconds):
                raise _out_of_time(seconds)
            longest = max_chars * _BYTES_PER_CHAR + _BYTES_BESIDE_TEXT
            answer = unpack_answer(self._pipe.recv_bytes(longest))
            self.has_retired = self._pipe.recv_bytes() != MORE
        except (EOFError, OSError, ValueError) as error:
            with suppress(subprocess.TimeoutExpired):
                if self._process.wait(_END_SECONDS) in _OUT_OF_TIME:
                    raise _out_of_time(seconds) from error
            raise ParseError(
                "content: the parser crashed on it; save the file again or leave it out",
                code=ParseErrorCode.MALFORMED,
            ) from error
        return answer

    def kill(self) -> None:
        """Stop the process and let go of it; a second time does nothing."""
        self._process.kill()
        self._process.wait()
        self._pipe.close()


def _start(descriptor: int, said: IO[bytes]) -> "subprocess.Popen[bytes]":
    # The same packages as the starter's, installed or not. -P keeps the working directory, which
    # may be anybody's, off the module path.
    root = str(Path(ingestion.__file__).resolve().parents[1])
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return subprocess.Popen(  # noqa: S603 - our own interpreter, our own module, no shell
        [sys.executable, "-P", "-m", "ingestion.parsing.worker", str(descriptor)],
        env={**kept, "PYTHONPATH": root},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=said,
        pass_fds=(descriptor,),
    )


def _last_words(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:_MAX_SAID] if lines else "it says nothing"


def _out_of_time(seconds: float) -> ParseError:
    return ParseError(
        f"content: not parsed within {seconds:g} seconds; split the file or raise the limit",
        code=ParseErrorCode.TIMEOUT,
    )
