"""Who carries out the runs that are asked of a service."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class QueueKind(StrEnum):
    """As an operator sets it."""

    BESIDE = "beside"
    POSTGRES = "postgres"


ATTEMPTS: Final = {QueueKind.BESIDE: 1, QueueKind.POSTGRES: 3}
"""How often a run may be begun. A worker that is killed uses one up: the next one goes on where it
stood. More than a few would let a document that kills every worker keep them all busy."""
