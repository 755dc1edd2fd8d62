"""Builds, switches and erasures as processes that can be killed, forked from one program.

It reads ``DATA_DIR<tab>ACTION`` lines and forks a process for each, which says ``ready`` when it is
about to act; the program itself adds ``started PID`` and ``ended STATUS``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion import generations
from ingestion.active import all_generations, current_generation
from ingestion.embedding.hashing import HashEmbedder
from ingestion.erasure import certificate
from ingestion.erasure.plan import By, Subject, plan_erasure, plan_unfinished
from ingestion.generations import building
from ingestion.models import GenerationState
from retrieval.comments import FeedbackComments
from retrieval.runtime import Runtime
from tests.e2e.crash.runs import TENANT
from tests.e2e.crash.world import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[[Path, str], tuple[int, Callable[[], int]]]

BY = "cli:tess"
TERM = "Quixwood"
"""What is erased: every document that says it."""
STEPS = ("_begin", "withdraw", "remove_rows", "settle_index", "probe")
"""Of an erasure, each an action that dies when it is done."""


@contextmanager
def switching() -> Iterator[Start]:
    """Start the program; yields what starts an action: its process, and how to wait for its end."""
    command = [sys.executable, "-m", "tests.e2e.crash.switching"]
    repository = Path(__file__).parents[3]
    with subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=repository
    ) as program:
        stdin, stdout = program.stdin, program.stdout
        assert stdin is not None
        assert stdout is not None

        def heard(word: str) -> str:
            for line in stdout:
                said, _, rest = line.rstrip("\n").partition("\t")
                if said == word:
                    return rest
                assert said != "ended", "it died before it began: see its standard error"
            raise AssertionError("the program is gone: see its standard error")

        def start(data_dir: Path, action: str) -> tuple[int, Callable[[], int]]:
            print(data_dir, action, sep="\t", file=stdin, flush=True)
            pid = int(heard("started"))
            heard("ready")
            return pid, lambda: int(heard_end())

        def heard_end() -> str:
            for line in stdout:
                said, _, rest = line.rstrip("\n").partition("\t")
                if said == "ended":
                    return rest
            raise AssertionError("the program is gone: see its standard error")

        try:
            yield start
        except BaseException:
            program.kill()
            raise


def _tell(*words: object) -> None:
    print(*words, sep="\t", flush=True)  # noqa: T201 - read by the test


def _act(data_dir: Path, action: str) -> None:
    building.BATCH_DOCUMENTS = 2
    with Runtime.open(settings(data_dir)) as runtime:
        context = runtime.ingest_context()
        other = replace(context, embedder=HashEmbedder(16), spec="hash:16")
        active = current_generation(runtime.database)
        rows = all_generations(runtime.database)
        ready = [row.id for row in rows if row.state == GenerationState.READY]
        _tell("ready")
        match action:
            case "build":
                generations.build(other)
            case "switch" if active is not None:
                generations.promote(context, ready[-1], by=BY, force=True)
            case "retire":
                generations.retire(context, ready[-1], by=BY)
            case "erase":
                _erase(runtime)
            case _ if action in STEPS:
                _die_after(action)
                _erase(runtime)
            case _:
                raise AssertionError(action)


def _die_after(step: str) -> None:
    """Let an erasure end as by ``kill -9`` when a step of it is done."""
    itself = getattr(certificate, step)

    def deadly(*args: object, **kwargs: object) -> None:
        itself(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(certificate, step, deadly)


def _erase(runtime: Runtime) -> None:
    """Go on with what died, or begin."""
    context, comments = runtime.ingest_context(), FeedbackComments(runtime.audit_database)
    plans = plan_unfinished(context, TENANT, comments=comments) or [
        plan_erasure(context, TENANT, Subject(By.TERM, TERM), comments=comments)
    ]
    signer = runtime.signer
    for plan in plans:
        certificate.erase(
            context,
            plan,
            comments=comments,
            by=BY,
            sign=lambda claims: signer.sign(claims, typ="test"),
        )


def _serve() -> None:
    for line in sys.stdin:
        data_dir, action = line.rstrip("\n").split("\t")
        child = os.fork()
        if not child:
            _act(Path(data_dir), action)
            os._exit(0)
        _tell("started", child)
        _, status = os.waitpid(child, 0)
        _tell("ended", status)


if __name__ == "__main__":
    _serve()
