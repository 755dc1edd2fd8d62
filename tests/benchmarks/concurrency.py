"""Clients that ask again as soon as they have an answer: how many answers a second, and who waits.

One tenant's clients alone, then beside those of another tenant: equally many, and fifteen to one.
Every client has a connection and a thread of its own and never asks a question twice. Clients share
the machine with the service, so that figures are rather too bad than too good. What never lives
here: a rate that is held whether or not answers come (:mod:`tests.benchmarks.overload`).
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from tests.benchmarks.asker import ask_over_http
from tests.benchmarks.figures import ConcurrencyFigures, TenantFigures
from tests.benchmarks.processes import RefusedError, Service, cpu_seconds
from tests.benchmarks.texts import Prose

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.benchmarks.figures import Answer

ENVIRONMENT: Final = {"CLEARANCE_BUDGET_USER_CONCURRENCY": "64"}
"""All clients of a tenant are one user's, who would otherwise be told to wait."""

_SEED: Final = "concurrency"
_WARM_UP: Final = 4
_PAUSE_SECONDS: Final = 0.1  # After a refusal, as any client makes one.


@dataclass(slots=True)
class _Client:
    """One connection: what it was answered, and how often it was not."""

    tenant: str
    token: str
    number: int
    answers: list[Answer] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)

    def ask_until(self, end: float, service: Service, turn: str) -> None:
        """Ask until the clock says so."""
        asked = 0
        while time.perf_counter() < end:
            question = Prose.seeded(_SEED, turn, self.number, asked).question()
            asked += 1
            try:
                # The number makes it a question of its own: templates and words repeat.
                text = f"{question} {self.number}-{asked}"
                self.answers.append(ask_over_http(service, self.token, text))
            except RefusedError as error:
                self.failed[str(error.status)] += 1
                time.sleep(_PAUSE_SECONDS)
            except OSError as error:
                self.failed[type(error).__name__] += 1
                time.sleep(_PAUSE_SECONDS)
        service.close()


def measure(
    service: Service,
    pids: Sequence[int],
    tokens: tuple[tuple[str, str], tuple[str, str]],
    *,
    seconds: float,
) -> list[ConcurrencyFigures]:
    """One, four and sixteen clients of one tenant; then two tenants.

    Args:
        service: that answers, started with :data:`ENVIRONMENT`.
        pids: its processes, whose processor time is looked at.
        tokens: the name of each of two tenants, and a key of somebody in it.
        seconds: how long each asks.
    """
    (first, _), (second, _) = tokens
    keys = dict(tokens)
    crowds: list[Mapping[str, int]] = [
        *({first: count} for count in (1, 4, 16)),
        {first: 8, second: 8},
        {first: 15, second: 1},
    ]
    _asked(service, keys, {first: _WARM_UP, second: _WARM_UP}, seconds=seconds / 4)
    return [_phase(service, pids, keys, crowd, seconds=seconds) for crowd in crowds]


def _asked(
    service: Service, keys: Mapping[str, str], crowd: Mapping[str, int], *, seconds: float
) -> list[_Client]:
    """Let them ask, all at once, and wait until each has its last answer."""
    tenants = [tenant for tenant, count in crowd.items() for _ in range(count)]
    clients = [_Client(tenant, keys[tenant], number) for number, tenant in enumerate(tenants)]
    turn = "-".join(map(str, crowd.values()))
    end = time.perf_counter() + seconds
    threads = [
        threading.Thread(
            target=client.ask_until, args=(end, Service(service.port, service.pid), turn)
        )
        for client in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return clients


def _phase(
    service: Service,
    pids: Sequence[int],
    keys: Mapping[str, str],
    crowd: Mapping[str, int],
    *,
    seconds: float,
) -> ConcurrencyFigures:
    started, before = time.perf_counter(), sum(map(cpu_seconds, pids))
    clients = _asked(service, keys, crowd, seconds=seconds)
    took = time.perf_counter() - started
    busy = (sum(map(cpu_seconds, pids)) - before) / took
    answers = [answer for client in clients for answer in client.answers]
    shares = [_share(tenant, clients, took) for tenant in crowd]
    return ConcurrencyFigures(
        clients=" + ".join(str(count) for count in crowd.values()),
        answers_per_s=len(answers) / took,
        p50_ms=_percentile(answers, 50),
        p99_ms=_percentile(answers, 99),
        failed=dict(sum((client.failed for client in clients), Counter())),
        busy_cores=busy,
        stages_ms={
            stage: float(np.median([answer.stages[stage] for answer in answers]))
            for stage in (answers[0].stages if answers else ())
        },
        tenants=shares,
    )


def _share(tenant: str, clients: Sequence[_Client], seconds: float) -> TenantFigures:
    own = [client for client in clients if client.tenant == tenant]
    answers = [answer for client in own for answer in client.answers]
    return TenantFigures(
        tenant=tenant,
        clients=len(own),
        answers_per_s=len(answers) / seconds,
        p50_ms=_percentile(answers, 50),
        p99_ms=_percentile(answers, 99),
    )


def _percentile(answers: Sequence[Answer], share: int) -> float | None:
    if not answers:
        return None
    return float(np.percentile([answer.ms for answer in answers], share))
