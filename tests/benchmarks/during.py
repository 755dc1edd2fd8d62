"""Questions to the index while it is written to and optimised, against the same ones at rest.

Random vectors and words: what a search costs does not depend on their meaning. One process asks,
as a service would; another writes as fast as it is let and then optimises, as an ingest would. What
never lives here: embedding, HTTP.

Runs by itself as ``python -m tests.benchmarks.during``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from acl.caller import Caller
from acl.principal import Principal, PrincipalKind
from acl.scope import MINT, AccessScope
from ingestion.index.client import EdgeHost
from ingestion.index.facets import Facets
from ingestion.index.lexical import encode_document, encode_query
from ingestion.index.port import Point, SearchRequest
from tests.benchmarks.figures import DuringFigures, PhaseFigures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingestion.index.port import SearchResult, VectorIndex

DIMENSIONS: Final = 384
GENERATION: Final = "g1"
TENANT: Final = "bank"
_ACLS: Final = 100
_VISIBLE: Final = ("a0", "a1")
_WORDS: Final = 5_000
_WORDS_PER_TEXT: Final = 80
_BATCH: Final = 512
_PAUSE_SECONDS: Final = 0.002
_HIDDEN: Final = "written meanwhile"  # Under an ACL the asker does not see: answers must not move.


def measure(
    directory: Path, *, points: int, share: float, idle_seconds: float, seed: int
) -> DuringFigures:
    """Fill an index, ask at rest, then ask while a further ``share`` is written and merged.

    Args:
        directory: an empty directory to work in.
        points: held before the clock starts.
        share: of them, written meanwhile.
        idle_seconds: how long to ask at rest.
        seed: of vectors and words.
    """
    host = EdgeHost(directory, idle_seconds=60)
    try:
        index = host.open(GENERATION, dimensions=DIMENSIONS)
        for batch in made(points, seed=seed):
            index.upsert(batch)
        index.optimise()
        questions = _questions(seed)
        expected = [index.search(_scope(), question) for question in questions]
        ask = _Asker(index, questions, expected)
        end = time.perf_counter() + idle_seconds
        phases = [ask.until("at rest", lambda: time.perf_counter() >= end)]
        arguments = [str(directory), str(round(points * share)), str(seed + 1)]
        with subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "tests.benchmarks.during", "--write", *arguments],
            stdout=subprocess.PIPE,
            text=True,
        ) as writer:
            _await(writer, "writing")
            written = _Heard(writer, "optimising")
            phases.append(ask.until("while chunks are written", written.yet))
            done = _Heard(writer, "done")
            phases.append(ask.until("while the index is optimised", done.yet))
        end = time.perf_counter() + idle_seconds
        phases.append(ask.until("at rest again", lambda: time.perf_counter() >= end))
    finally:
        host.shutdown()
        host.close()
    return DuringFigures(points=points, written=round(points * share), phases=phases)


class _Asker:
    """Asks the same questions in turn and compares every bit of the answers."""

    def __init__(
        self, index: VectorIndex, questions: list[SearchRequest], expected: list[SearchResult]
    ) -> None:
        self._index = index
        self._questions = questions
        self._expected = expected

    def until(self, phase: str, over: Callable[[], bool]) -> PhaseFigures:
        taken: list[float] = []
        failed = changed = 0
        while not over():
            turn = len(taken) % len(self._questions)
            started = time.perf_counter()
            try:
                answer = self._index.search(_scope(), self._questions[turn])
            except Exception:  # noqa: BLE001 - whatever it is, it is a question without an answer
                failed += 1
            else:
                changed += answer != self._expected[turn]
            taken.append((time.perf_counter() - started) * 1000)
            time.sleep(_PAUSE_SECONDS)
        return PhaseFigures(
            phase=phase,
            asked=len(taken),
            failed=failed,
            changed=changed,
            p50_ms=float(np.percentile(taken, 50)),
            p99_ms=float(np.percentile(taken, 99)),
            max_ms=max(taken),
        )


class _Heard:
    """Whether a process has said a word yet, without waiting for it."""

    def __init__(self, child: subprocess.Popen[str], word: str) -> None:

        self._thread = threading.Thread(target=_await, args=(child, word), daemon=True)
        self._thread.start()

    def yet(self) -> bool:
        return not self._thread.is_alive()


def _await(child: subprocess.Popen[str], word: str) -> None:
    if child.stdout is None:
        raise RuntimeError("the writer was started without a pipe")
    for line in child.stdout:
        if line.strip() == word:
            return


def made(points: int, *, seed: int, acl: str | None = None) -> Iterator[list[Point]]:
    """Random points in batches, under a hundred ACLs in turn or all under one."""
    dice = np.random.default_rng([seed, 1])
    words = np.array([f"w{number}" for number in range(_WORDS)])
    for first in range(0, points, _BATCH):
        some = min(_BATCH, points - first)
        vectors = dice.standard_normal((some, DIMENSIONS)).astype(np.float32)
        # Few words are frequent and most are rare, as in any language.
        texts = words[np.minimum(dice.zipf(1.3, (some, _WORDS_PER_TEXT)), _WORDS) - 1]
        yield [
            Point(
                id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{seed} {first + row}")),
                tenant=TENANT,
                acl=acl or f"a{(first + row) % _ACLS}",
                places=(Facets("policies", f"d{first + row}", "text/plain"),),
                dense=vectors[row],
                sparse=encode_document(" ".join(texts[row])),
            )
            for row in range(some)
        ]


def _questions(seed: int) -> list[SearchRequest]:
    dice = np.random.default_rng([seed, 2])
    return [
        SearchRequest(
            dense=dice.standard_normal(DIMENSIONS).astype(np.float32),
            sparse=encode_query(" ".join(f"w{word}" for word in dice.integers(0, 200, 6))),
            limit=20,
        )
        for _ in range(32)
    ]


def _scope() -> AccessScope:
    return AccessScope(
        caller=Caller(tenant=TENANT, subject=Principal(PrincipalKind.USER, "ann")),
        acl_ids=frozenset(_VISIBLE),
        sources=None,
        closed=frozenset(),
        as_of=datetime(2026, 1, 1, tzinfo=UTC),
        valid_until=None,
        acl_version=1,
        mint=MINT,
    )


def _write(directory: Path, points: int, seed: int) -> None:
    """What the other process does."""
    batches = list(made(points, seed=seed, acl=_HIDDEN))  # Made before the clock starts.
    host = EdgeHost(directory, idle_seconds=60)
    index = host.open(GENERATION, dimensions=DIMENSIONS)
    _say("writing")
    for batch in batches:
        index.upsert(batch)
    _say("optimising")
    index.optimise()
    index.flush()
    _say("done")
    host.close()


def _say(word: str) -> None:
    print(word, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Measure, or be the writer. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.during", description=__doc__)
    parser.add_argument("--points", type=int, default=100_000, help="held before the start")
    parser.add_argument("--share", type=float, default=0.2, help="of them, written meanwhile")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to ask at rest")
    parser.add_argument("--seed", type=int, default=7, help="another seed is another world")
    parser.add_argument("--write", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.write:
        _write(Path(options.write[0]), int(options.write[1]), int(options.write[2]))
        return 0
    with tempfile.TemporaryDirectory(prefix="during-") as directory:
        found = measure(
            Path(directory),
            points=options.points,
            share=options.share,
            idle_seconds=options.seconds,
            seed=options.seed,
        )
    for phase in found.phases:
        _say(str(phase))
    return 0


if __name__ == "__main__":
    sys.exit(main())
