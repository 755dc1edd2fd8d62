"""Ten times more than the service can answer: what is answered still, and what a neighbour notices.

Two tenants on one ``clearance serve``. One asks at a multiple of the peak rate, over many keys and
connections, and obeys no ``Retry-After``; the other asks a little, all the time. The rate is held
whether or not answers come (an open loop), since whoever waits for answers never overloads anybody.
The generator shares the machine with the service, so that figures are rather too bad than too good.

Runs by itself: ``python -m tests.benchmarks.overload``. What never lives here: an assertion.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import statistics
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvloop

from acl.admin.directory import ensure_principal
from acl.caller import ApiScope
from acl.identity.keys import create_key
from acl.principal import Principal
from ingestion import jobs
from ingestion.sources.folder import FolderSource
from retrieval.runtime import Runtime
from retrieval.settings import Settings
from tests.benchmarks.machine import describe, sentence
from tests.benchmarks.open_loop import OK, Crowd, Told
from tests.benchmarks.processes import Service, cpu_seconds, index_pid, resident_mb, stop_index

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FLOODING: Final = "flooding"
QUIET: Final = "quiet"
_SUBJECTS: Final = ("travel", "parking", "payroll", "leave", "security", "audit", "loans", "cards")
_THINGS: Final = ("limit", "form", "deadline", "approval", "owner", "exception", "report", "fee")


@dataclass(frozen=True)
class Phase:
    """One phase, as reported. Rates per second, latencies in milliseconds."""

    name: str
    offered: float
    answered: float
    flooding: dict[str, int]
    quiet: dict[str, int]
    quiet_p50: float | None
    quiet_p99: float | None
    resident_mb: float | None
    cpu_ms_per_answer: float


@dataclass(frozen=True)
class Bench:
    """A running service, and what is asked of it."""

    port: int
    pids: tuple[int, ...]
    flooding: Iterator[bytes]
    quiet: Iterator[bytes]
    connections: int

    def cpu(self) -> float:
        """Seconds of processor time that service and index have used."""
        return sum(map(cpu_seconds, self.pids))

    async def peak(self, seconds: float) -> float:
        """The most answers per second of one tenant that waits for each."""
        best = 0.0
        for at_once in (2, 4, 8):
            crowd = Crowd(self.port, self.flooding, at_once)
            await crowd.connect()
            await crowd.ask_steadily(at_once, seconds)
            best = max(best, crowd.told.statuses[OK] / seconds)
        return best

    async def phase(self, name: str, *, flood: float, quiet: float, seconds: float) -> Phase:
        """Both tenants at their rates."""
        crowds = [Crowd(self.port, self.quiet, 32), Crowd(self.port, self.flooding, 1)]
        if flood:
            crowds[1] = Crowd(self.port, self.flooding, self.connections)
        for crowd in crowds:
            await crowd.connect()
        asking = [crowds[0].ask_at(quiet, seconds)]
        if flood:
            asking.append(crowds[1].ask_at(flood, seconds))
        started, before = time.perf_counter(), self.cpu()
        await asyncio.gather(*asking)
        took = time.perf_counter() - started
        told = [crowd.told for crowd in crowds]
        offered = sum(sum(one.statuses.values()) for one in told) / took
        return Phase(
            name=name,
            offered=round(offered, 1),
            answered=round(sum(one.statuses[OK] for one in told) / took, 1),
            flooding=_spelled(told[1]),
            quiet=_spelled(told[0]),
            quiet_p50=told[0].milliseconds(0.5),
            quiet_p99=told[0].milliseconds(0.99),
            resident_mb=resident_mb(self.pids[0]),
            cpu_ms_per_answer=round(
                1_000 * (self.cpu() - before) / max(1, sum(one.statuses[OK] for one in told)), 1
            ),
        )

    async def measured(self, *, times: float, seconds: float) -> dict[str, Any]:
        """Peak, quiet alone, quiet beside an ordinary load, quiet beside the flood, and after."""
        await self.peak(2)  # warm
        peak = await self.peak(max(3.0, seconds / 10))
        small = peak / 10
        phases = [
            await self.phase("alone", flood=0, quiet=small, seconds=seconds),
            await self.phase("beside half the peak", flood=peak / 2, quiet=small, seconds=seconds),
            await self.phase("overload", flood=times * peak, quiet=small, seconds=seconds),
            await self.phase("after", flood=0, quiet=small, seconds=seconds / 2),
        ]
        return {"peak_per_s": round(peak, 1), "phases": [asdict(one) for one in phases]}


def _spelled(told: Told) -> dict[str, int]:
    counted = {str(status): count for status, count in sorted(told.statuses.items())}
    return {**counted, **({"unsent": told.unsent} if told.unsent else {})}


def furnish(directory: Path, *, documents: int, users: int, embedder: str) -> dict[str, list[str]]:
    """Two tenants with documents that everybody in them may read; tokens of users, by tenant."""
    tokens: dict[str, list[str]] = {}
    settings = Settings(data_dir=directory / "data", embedder=embedder)
    with Runtime.open(settings) as runtime:
        for tenant in (FLOODING, QUIET):
            root = directory / tenant
            root.mkdir()
            for number in range(documents):
                subject = _SUBJECTS[number % len(_SUBJECTS)]
                lines = (
                    f"The {thing} of {subject} rule {number} is {number + place} units."
                    for place, thing in enumerate(_THINGS)
                )
                text = "\n\n".join((f"# {subject} {number}", *lines))
                (root / f"{number}.md").write_text(text, encoding="utf-8")
            report = jobs.ingest(
                runtime.ingest_context(),
                FolderSource(root, name="rules", allow=["everyone"]),
                tenant=tenant,
                config=jobs.SourceConfig(kind="folder", config={}),
            )
            if report.failures:
                raise RuntimeError(f"the corpus could not be built: {report.failures[0]}")
            with runtime.database.write(tenant) as session:
                for number in range(users):
                    who = Principal.parse(f"user:u{number}")
                    ensure_principal(session, tenant, who, now=runtime.clock())
                    key = create_key(
                        session, tenant, who, api_scopes=[ApiScope.RETRIEVE], now=runtime.clock()
                    )
                    tokens.setdefault(tenant, []).append(key.token)
    return tokens


def requests_of(tokens: Sequence[str]) -> Iterator[bytes]:
    """The questions of all users in turn, ready to be sent: without end, and none of them twice."""
    for number in itertools.count():
        subject, thing = _SUBJECTS[number % 8], _THINGS[number // 8 % 8]
        body = json.dumps({"query": f"What is the {thing} of {subject} rule {number}?"}).encode()
        head = (
            "POST /v1/retrieve HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {tokens[number % len(tokens)]}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


@contextmanager
def largest(pid: int) -> Iterator[list[float]]:
    """Resident memory of a process, looked at twice a second."""
    seen: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            seen.append(resident_mb(pid) or 0.0)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def main(arguments: list[str] | None = None) -> int:
    """Run it, print the figures, and keep them if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="of each phase")
    parser.add_argument("--times", type=float, default=10, help="the peak rate")
    parser.add_argument("--documents", type=int, default=200, help="of each tenant")
    parser.add_argument("--users", type=int, default=32, help="of each tenant")
    parser.add_argument("--connections", type=int, default=256, help="of the flooding tenant")
    parser.add_argument("--embedder", default="onnx:all-MiniLM-L6-v2")
    parser.add_argument("--out", type=Path, default=None, help="a JSON file")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as home:
        directory = Path(home)
        tokens = furnish(
            directory,
            documents=options.documents,
            users=options.users,
            embedder=options.embedder,
        )
        data, log = directory / "data", directory / "serve.log"
        with Service.started(data, log, environment={"CLEARANCE_EMBEDDER": options.embedder}) as up:
            up.wait()
            bench = Bench(
                up.port,
                (up.pid, index_pid(data)),
                requests_of(tokens[FLOODING]),
                requests_of(tokens[QUIET]),
                options.connections,
            )
            with largest(up.pid) as seen:
                measured = bench.measured(times=options.times, seconds=options.seconds)
                figures = uvloop.run(measured)
        stop_index(data)
    figures |= {
        "machine": describe(),
        "largest_mb": max(seen),
        "median_mb": statistics.median(seen),
    }
    _tell(figures)
    if options.out is not None:
        options.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def _tell(figures: dict[str, Any]) -> None:
    phases = {one["name"]: one for one in figures["phases"]}
    print(sentence(figures["machine"]))
    print(f"peak: {figures['peak_per_s']} answers a second")
    for one in figures["phases"]:
        print(
            f"{one['name']}: offered {one['offered']}/s, answered {one['answered']}/s; "
            f"quiet tenant p50 {one['quiet_p50']} ms, p99 {one['quiet_p99']} ms; "
            f"quiet {one['quiet']}, flooding {one['flooding']}; {one['resident_mb']} MB; "
            f"{one['cpu_ms_per_answer']} ms of processor time for each answer"
        )
    overload = phases["overload"]
    print(f"goodput under overload: {overload['answered'] / figures['peak_per_s']:.0%} of the peak")
    usual = phases["beside half the peak"]["cpu_ms_per_answer"]
    share = usual / max(overload["cpu_ms_per_answer"], 0.1)
    print(f"processor time that went into answers, against half the peak: {share:.0%}")
    for name in ("alone", "beside half the peak"):
        if phases[name]["quiet_p99"] and overload["quiet_p99"]:
            ratio = overload["quiet_p99"] / phases[name]["quiet_p99"]
            print(f"quiet tenant's p99: {ratio:.1f} times that {name}")
    print(f"memory: at most {figures['largest_mb']} MB, median {figures['median_mb']} MB")


if __name__ == "__main__":
    sys.exit(main())
