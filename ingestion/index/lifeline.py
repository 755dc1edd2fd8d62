"""Dying with one's parent, in the middle of a call that never returns to the interpreter.

A helper of the index process spends seconds inside the engine. Were the index process killed
meanwhile, its helper would go on working for nobody. So each helper holds the reading end of a
pipe whose writing end its parent alone holds: the kernel closes that with the parent, however it
died, and sends the helper SIGIO, whose default is to end a process. Nothing is ever written.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal


def tied(lifeline: int) -> None:
    """Let this process end when the other end of a pipe is closed; at once if it already is."""
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:  # It was closed before we listened.
        os._exit(1)


def cut(lifeline: int) -> None:
    """Live on by oneself."""
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) & ~os.O_ASYNC)
    os.close(lifeline)
