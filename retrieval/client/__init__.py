"""The Python client of a running service: the same answers, typed, for scripts and agents.

:class:`Clearance` waits, :class:`AsyncClearance` is awaited; both offer the same calls. What never
lives here: identity, which is the token's alone, and anything that decides what may be seen.
"""

from retrieval.client.asynchronous import AsyncClearance
from retrieval.client.errors import (
    ClientError,
    NotReachedError,
    RefusedError,
    UnreadableReplyError,
)
from retrieval.client.frames import Answer
from retrieval.client.synchronous import Clearance

__all__ = [
    "Answer",
    "AsyncClearance",
    "Clearance",
    "ClientError",
    "NotReachedError",
    "RefusedError",
    "UnreadableReplyError",
]
