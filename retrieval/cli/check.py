"""What a check of ``clearance doctor`` found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. ``remedy`` is for when it did not pass."""

    name: str
    passed: bool
    detail: str
    remedy: str = ""
