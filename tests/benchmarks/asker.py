"""Whoever asks, ready to ask everybody: a key for the service, a scope for the index, the truth.

What never lives here: a race.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from acl.caller import ApiScope, Caller
from acl.identity.keys import create_key
from acl.orm import utc_now
from acl.principal import Principal
from tests.benchmarks.exact import Truth
from tests.benchmarks.figures import Answer
from tests.benchmarks.world import TENANT

if TYPE_CHECKING:
    from acl.scope import AccessScope
    from retrieval.runtime import Runtime
    from tests.benchmarks.load import Exported
    from tests.benchmarks.processes import Service
    from tests.benchmarks.world import Audience

LIMIT: Final = 8
One = TypeVar("One")


@dataclass(frozen=True, slots=True)
class Asker:
    """One audience, ready to ask everybody."""

    audience: Audience
    scope: AccessScope
    live: int
    token: str
    truth: Truth


def asker_of(runtime: Runtime, world: Exported, audience: Audience) -> Asker:
    """Resolve an audience's view and make a key for its user."""
    caller = Caller(
        TENANT, Principal.parse(audience.user), api_scopes=frozenset({ApiScope.RETRIEVE})
    )
    with runtime.database.read(TENANT) as session:
        resolved = runtime.resolver.resolve(session, caller, now=utc_now())
    return Asker(
        audience=audience,
        scope=resolved.scope,
        live=resolved.view.occurrences,
        token=token_of(runtime, TENANT, audience.user),
        truth=Truth(world, resolved.scope.acl_ids),
    )


def token_of(runtime: Runtime, tenant: str, user: str) -> str:
    """A new key of a user, for questions alone."""
    with runtime.database.write(tenant) as session:
        key = create_key(
            session,
            tenant,
            Principal.parse(user),
            api_scopes=[ApiScope.RETRIEVE],
            now=utc_now(),
            label="bench",
        )
    return key.token


def ask_over_http(service: Service, token: str, question: str) -> Answer:
    """One timed question.

    Without a relevance threshold: no peer has one, and the number of results is compared.
    """
    body = {"query": question, "limit": LIMIT, "min_relevance": 0, "include": ["timings"]}
    service.dial()
    started = time.perf_counter()
    answer = service.ask(token, body)
    elapsed = time.perf_counter() - started
    stages = answer["timings_ms"]
    stages["around"] = elapsed * 1000 - sum(stages.values())
    return Answer(elapsed * 1000, len(answer["evidence"]), None, stages)


def in_turn(contenders: list[One], number: int) -> list[One]:
    """All of them, another one first in each round."""
    first = number % len(contenders)
    return contenders[first:] + contenders[:first]
