"""How much work a call does, counted rather than timed, so that a busy machine changes nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


def steps(work: Callable[[], object]) -> int:
    """How many instructions the interpreter carries out; what is done in C counts as one."""
    found = 0

    def count(frame: FrameType, event: str, _what: object) -> Any:
        nonlocal found
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        found += event == "opcode"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        work()
    finally:
        sys.settrace(before)
    return found
