"""The process that parses: one file after another, within limits the system itself enforces.

Started as ``python -m ingestion.parsing.worker FD`` by ``guarded``; ``FD`` is its end of a socket.
It loads no parser before a file needs one. What never lives here: a decision about a file beyond
its parser's, and anything worth stealing: it is given no secret and no configuration.
"""

import json
import math
import os
import resource
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from ingestion.documents import ParsedDocument
from ingestion.errors import ParseError
from ingestion.parsing.registry import ParseLimits, parse
from ingestion.parsing.wire import LAST, MORE, pack_answer, unpack_terms

_NICE = 5  # queries go before ingestion
_GRACE_SECONDS = 5.0
_FILES = 1_000  # then a fresh process, whatever the libraries have let lie about
_STATUS = Path("/proc/self/status")
_MEMORY_SHARE = 4  # one that once took this part of its memory is replaced as well


def serve(pipe: Connection) -> None:
    """Answer files until the other end closes, or this process has had its share."""
    limits, seconds, memory = unpack_terms(pipe.recv_bytes())
    _confine(memory)
    pipe.send_bytes(b"ready")
    _silence()
    for number in range(1, _FILES + 1):
        name, media_type = json.loads(pipe.recv_bytes())
        content = pipe.recv_bytes()
        pipe.send_bytes(b"got it")
        _limit_time(seconds)
        answer = _answer(content, name, media_type, limits)
        signal.setitimer(signal.ITIMER_REAL, 0)
        pipe.send_bytes(pack_answer(answer))
        if number == _FILES or _has_grown(memory):
            pipe.send_bytes(LAST)
            return
        pipe.send_bytes(MORE)


def _answer(
    content: bytes, name: str, media_type: str | None, limits: ParseLimits
) -> ParsedDocument | ParseError:
    try:
        return parse(content, name=name, media_type=media_type, limits=limits)
    except ParseError as error:
        return error


def _confine(memory: int | None) -> None:
    """Give up what parsing does not need: files to write, core dumps, memory beyond the limit."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the other end's to handle
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if memory is not None:
        with suppress(ValueError, OSError):  # a lower limit already stands
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    os.nice(_NICE)


def _silence() -> None:
    """Drop what libraries write: the file that held start-up messages is not for documents."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _limit_time(seconds: float) -> None:
    """Have the system end this process if it hangs, though nobody is left to kill it.

    Both signals end a process that handles none, C code or not. The other end kills at ``seconds``
    already; these are for when it died first, and for a parser that takes several cores.
    """
    signal.setitimer(signal.ITIMER_REAL, seconds + _GRACE_SECONDS)
    used = resource.getrusage(resource.RUSAGE_SELF)
    allowed = math.ceil(used.ru_utime + used.ru_stime + seconds + 1)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    with suppress(ValueError, OSError):  # a lower limit already stands
        resource.setrlimit(resource.RLIMIT_CPU, (allowed, most))


def _has_grown(memory: int | None) -> bool:
    """Tell whether this process ever took more than its share.

    Read from the system's own account of this program. ``getrusage`` would not do: its peak is
    handed down from whoever started the process, however large that was.
    """
    if memory is None:
        return False
    with suppress(OSError, ValueError), _STATUS.open("rb") as status:
        for line in status:
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1]) * 1_024 > memory // _MEMORY_SHARE
    return False


if __name__ == "__main__":
    with suppress(EOFError, ConnectionError):  # the other end is gone, and so is the work
        serve(Connection(int(sys.argv[1])))
