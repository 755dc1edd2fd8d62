"""The process that optimises a copy of a shard, out of everybody's way. Started by ``succession``.

It gives way to whatever else wants the processors, and ends with the index process at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from ingestion.index import lifeline
from ingestion.index.edge import EdgeEngine
from ingestion.index.succession import NOTHING_TO_DO

_LEAST_URGENT: Final = 19


def main(shard: Path) -> int:
    """Optimise; returns the exit code."""
    engine = EdgeEngine.load(shard)
    changed = engine.merge()
    engine.close()
    return 0 if changed else NOTHING_TO_DO


if __name__ == "__main__":
    lifeline.tied(int(sys.argv[2]))
    os.nice(_LEAST_URGENT)
    sys.exit(main(Path(sys.argv[1])))
