"""Golden traces: what an agent does with the tools, call by call, over the official client.

Each file under ``traces/`` is one scenario; :mod:`tests.golden.traces` tells how to read it. The
comparison is exact: a call too many is as wrong as one too few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.golden.stage import staged
from tests.golden.traces import load, names

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.catalogue import Blank


@pytest.mark.parametrize("name", names())
def test_the_agent_does_what_the_trace_says_and_nothing_else(
    name: str, sqlite_catalogue: Blank, tmp_path: Path
) -> None:
    trace = load(name)
    with staged(trace, sqlite_catalogue, tmp_path / "world") as stage:
        ending = stage.play()
    assert stage.agent is not None
    assert stage.agent.calls == trace.calls
    assert ending == trace.ends
    assert stage.attacker.asked == []
    read = "\n".join(stage.agent.read)
    assert [word for word in trace.never if word in read] == []
