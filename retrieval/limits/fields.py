"""The ``RateLimit`` and ``RateLimit-Policy`` fields, as structured fields (RFC 9651).

After draft-ietf-httpapi-ratelimit-headers-11. Told is what the caller's own use has left, and
nothing of the tenant's budgets: what is left of those depends on what colleagues were served, which
may be what this caller must not know of.

Nor of the wall clock: how long work took is a matter of the machine, and the caller has a clock.

Units beyond the draft's ``requests`` are named in ``qu`` under names of our own. Without it, a
client would take tokens for requests.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from retrieval.limits.budgets import Budget, Holder, Unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from retrieval.limits.budgets import Limit
    from retrieval.limits.counters import Balance

POLICY: Final = "RateLimit-Policy"
LIMIT: Final = "RateLimit"


def fields(balances: Iterable[Balance]) -> Mapping[str, str]:
    """The response fields for what a user has left; none if nothing is limited."""
    own = [
        one
        for one in balances
        if one.limit.holder is Holder.USER and one.limit.budget is not Budget.WALL_CLOCK
    ]
    if not own:
        return {}
    return {
        POLICY: ", ".join(_policy(one.limit) for one in own),
        LIMIT: ", ".join(_standing(one) for one in own),
    }


def _policy(limit: Limit) -> str:
    unit = limit.kind.unit
    named = "" if unit is Unit.REQUESTS else f';qu="{unit}"'
    return f'"{limit.budget}";q={limit.amount}{named};w={limit.kind.window}'


def _standing(balance: Balance) -> str:
    return f'"{balance.limit.budget}";r={balance.left};t={math.ceil(balance.seconds)}'
