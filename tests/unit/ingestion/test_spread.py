"""A run on Ray's workers writes what a run without them writes, to the byte, whoever dies."""

from __future__ import annotations

import os
import pickle
import signal
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import pytest

from ingestion.chunking import Chunker
from ingestion.documents import RawDocument
from ingestion.embedding.factory import create_embedder
from ingestion.embedding.hashing import HashEmbedder
from ingestion.errors import EmbeddingError, ParseError, WorkersLostError
from ingestion.jobs import SourceConfig, ingest
from ingestion.parsing.limits import ParseLimits
from ingestion.prepare import prepare
from ingestion.spread import engine
from ingestion.spread.pool import Pool
from ingestion.spread.stages import Plan, Stages
from tests.support.content import dump
from tests.support.installation import DIMENSIONS, TENANT, Installation
from tests.support.source import ListedSource, Shelved
from tests.unit.ingestion.shelves import SPECS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ingestion.context import IngestContext
    from ingestion.documents import SourceItem
    from tests.support.catalogue import SqliteBlank

    Worlds = Callable[[str], Installation]

SPEC: Final = f"hash:{DIMENSIONS}"
WORDS: Final = ("travel", "loan", "merger", "branch", "vault", "audit", "permit", "garage")
SHELF: Final = {
    f"{number:03}.md": Shelved(
        "\n\n".join(
            f"## Part {part}\n\n"
            + f"The {WORDS[(number + part) % 8]} rule is number {number}. " * 9
            for part in range(3)
        ),
        "board" if number % 3 else "staff",
    )
    for number in range(100)
} | {
    "page.html": Shelved("<html><body><h1>Hours</h1><p>Open at noon.</p></body></html>", "staff"),
    "broken.pdf": Shelved("%PDF-1.7 this is no PDF", "staff"),
    "empty.md": Shelved("   ", "staff"),
}


class Watched(ListedSource):
    """A shelf that says when a document is fetched."""

    on_fetch: Callable[[str], None] = staticmethod(lambda _: None)

    def fetch(self, item: SourceItem) -> bytes:
        self.on_fetch(item.external_id)
        return super().fetch(item)


def shelf(on_fetch: Callable[[str], None] = lambda _: None) -> Watched:
    source = Watched("wiki", SPECS, SHELF)
    source.on_fetch = on_fetch
    return source


def plan(**changes: object) -> Plan:
    terms = {
        "spec": SPEC,
        "fingerprint": HashEmbedder(DIMENSIONS).fingerprint,
        "create": partial(create_embedder, threads=1),
        "limits": ParseLimits(),
        "parse_seconds": 60.0,
    }
    return Plan(**terms | changes)  # type: ignore[arg-type]


def run(
    context: IngestContext, source: ListedSource, cancelled: Callable[[], bool] = lambda: False
) -> dict[str, object]:
    """What a run came to, less its id."""
    config = SourceConfig("folder", {})
    report = ingest(context, source, tenant=TENANT, config=config, cancelled=cancelled).to_dict()
    report.pop("run_id")
    return report


def rows(world: Installation) -> list[str]:
    """Every row of the catalogue but those of runs, whose ids are drawn by lot."""
    return [line for line in dump(world) if not line.startswith('INSERT INTO "run"')]


@pytest.fixture
def worlds(sqlite_catalogue: SqliteBlank, tmp_path: Path) -> Iterator[Worlds]:
    """Installations with nothing in them, alike in secret and clock."""
    opened = []

    def make(name: str) -> Installation:
        world = Installation.open(sqlite_catalogue, tmp_path / name)
        opened.append(world)
        return world.__enter__()

    yield make
    for world in opened:
        world.__exit__(None, None, None)


def test_a_stage_does_what_a_run_does_and_can_be_sent_anywhere() -> None:
    embedder, source = HashEmbedder(DIMENSIONS), shelf()
    with closing(Stages(pickle.loads(pickle.dumps(plan())))) as stages:  # noqa: S301 - our bytes
        compare(stages, embedder, source)


def compare(stages: Stages, embedder: HashEmbedder, source: Watched) -> None:
    for item in source.list_items():
        if item.external_id in {"000.md", "page.html"}:
            raw = RawDocument(item, source.fetch(item))
            made = pickle.loads(pickle.dumps(stages.read(raw)))  # noqa: S301 - ours
            assert made == prepare(raw, Chunker(embedder.count_tokens))
        if item.external_id == "empty.md":
            failed = pickle.loads(pickle.dumps(stages.read(RawDocument(item, b" "))))  # noqa: S301
            assert isinstance(failed, ParseError)
            assert failed.code == "empty"
    texts = ["one", "two"]
    vectors = stages.embed(SPEC, embedder.fingerprint, texts)
    assert (vectors == embedder.embed_documents(texts)).all()


def test_a_worker_that_would_make_something_else_is_refused() -> None:
    assert "other weights" in str(Stages(plan(fingerprint="another")).check())
    assert "other code" in str(Stages(plan(prepared_by="sanitise/0")).check())
    with closing(Stages(plan())) as stages:
        assert stages.check() is None
        refused = stages.embed("hash:64", "another", ["text"])
    assert isinstance(refused, EmbeddingError)


def test_a_cluster_that_is_not_there_is_said_to_be_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    refused = pytest.raises(WorkersLostError, match="RAY_ADDRESS: nobody answers")
    with refused, Pool.start(plan(), workers=1):
        pass


@pytest.mark.skipif(find_spec("ray") is None, reason="the extra ray is not installed")
def test_workers_write_what_one_process_writes_though_one_is_killed(
    worlds: Worlds,
) -> None:

    alone, spread, stopped = (worlds(name) for name in ("alone", "spread", "stopped"))
    expected = run(alone.runtime.ingest_context(), shelf())
    killed: list[int] = []
    create = partial(create_embedder, threads=1)
    with engine.on_ray(spread.runtime.ingest_context(), create, workers=2) as context:
        pool = context.embedder.pool  # type: ignore[attr-defined]

        def kill_one(name: str) -> None:
            if name == "030.md":
                killed.append(pool.pids()[0])
                os.kill(killed[0], signal.SIGKILL)

        assert run(context, shelf(kill_one)) == expected
        assert killed
        assert killed[0] not in pool.pids()

        # The same workers, another installation: stopped midway, and continued.
        fetched: list[str] = []
        again = engine.spread(stopped.runtime.ingest_context(), pool)
        stop = run(again, shelf(fetched.append), lambda: "070.md" in fetched)
        assert stop["status"] == "cancelled"
        rest = run(again, shelf())
        assert (rest["status"], rest["unchanged"] > 0) == (expected["status"], True)  # type: ignore[operator]
    assert len(rows(alone)) > len(SHELF)
    assert rows(spread) == rows(alone)
