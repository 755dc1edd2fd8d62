"""Generations: builds of the index beside one another, exactly one of them active.

Every write goes to every generation that is building, ready or active, so that a promotion and a
rollback are a swap of rows and lose nothing. No query ever mixes two generations, and no vectors
of two models meet in one.
"""

from ingestion.generations.building import build
from ingestion.generations.gate import gate
from ingestion.generations.rebuilding import rebuild
from ingestion.generations.switch import canary, promote, retire, rollback
from ingestion.register import active_generation

__all__ = [
    "active_generation",
    "build",
    "canary",
    "gate",
    "promote",
    "rebuild",
    "retire",
    "rollback",
]
