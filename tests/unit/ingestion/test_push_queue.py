"""Pushes in company: who waits for one another shares a batch, and nobody is forgotten."""

from __future__ import annotations

import itertools
import threading
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ingestion import push_queue
from ingestion.errors import EmbeddingError, IngestionError
from ingestion.push_queue import PushQueue
from tests.support.content import assert_consistent
from tests.support.embedding import willing
from tests.support.installation import Installation, caller
from tests.support.pushing import feed, putting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingestion.push_source import PushSource
    from tests.support.embedding import CountingEmbedder
    from tests.support.interrupted import InterruptedHost

ANN, BOB = "user:ann", "user:bob"
RULE = "The travel allowance abroad is 55 euros."
NEW_RULE = "The travel allowance abroad is 60 euros."


@pytest.fixture
def source(world: Installation) -> PushSource:
    """The feed that everything is pushed to."""
    world.know(ANN, BOB)
    return feed(world)


def unwilling(texts: Sequence[str]) -> None:
    raise EmbeddingError(f"{len(texts)} texts are too many today; try tomorrow")


def seen(world: Installation, who: str = ANN) -> list[str]:
    return sorted(world.texts(caller(who), "the", limit=50))


@pytest.fixture
def queue(world: Installation) -> Iterator[PushQueue]:
    with closing(PushQueue(world.runtime.ingest_context())) as opened:
        yield opened


def test_pushes_that_wait_for_one_another_share_a_batch(
    world: Installation, queue: PushQueue, source: PushSource, host: InterruptedHost
) -> None:
    queue.push(source, [putting("first", RULE, ANN)])
    upserts = itertools.count()
    arrived, go = threading.Event(), threading.Event()

    def hold_the_first(moment: str) -> None:
        if moment == "before upsert" and next(upserts) == 0:
            arrived.set()
            assert go.wait(60)

    host.on_write = hold_the_first
    threads = [start(queue, source, "leader")]
    assert arrived.wait(60)
    threads += [start(queue, source, f"d{number}") for number in range(12)]
    while len(queue._waiting) < 12:
        assert threads[0].is_alive()
    go.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert next(upserts) == 2, "one batch for the leader, and one for all who waited for it"
    assert len(seen(world)) == 14
    host.on_write = lambda _moment: None
    assert_consistent(world, host.memory)


def start(queue: PushQueue, source: PushSource, name: str) -> threading.Thread:
    delivery = putting(name, f"The text of {name}.", ANN)
    thread = threading.Thread(target=queue.push, args=(source, [delivery]))
    thread.start()
    return thread


def test_a_failure_reaches_everybody_in_the_batch_and_the_next_push_works(
    world: Installation, queue: PushQueue, source: PushSource, embedder: CountingEmbedder
) -> None:
    embedder.on_embed = unwilling
    with pytest.raises(IngestionError):
        queue.push(source, [putting("a", RULE, ANN), putting("b", NEW_RULE, ANN)])
    embedder.on_embed = willing
    assert len(queue.push(source, [putting("a", RULE, ANN)])) == 1
    assert seen(world) == [RULE]


def test_a_queue_writes_no_more_at_once_than_it_should(
    queue: PushQueue, source: PushSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    inner = push_queue.carry_out

    def counted(*given: object) -> object:
        sizes.append(len(given[2]))  # type: ignore[arg-type]
        return inner(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(push_queue, "BATCH_DELIVERIES", 4)
    monkeypatch.setattr(push_queue, "carry_out", counted)
    queue.push(source, [putting(f"d{number}", f"Text {number}.", ANN) for number in range(10)])
    assert sizes == [4, 4, 2]


def test_what_could_hang_a_parser_is_parsed_in_a_process_that_can_be_killed(
    world: Installation, queue: PushQueue, source: PushSource
) -> None:
    queue.push(source, [putting("note", RULE, ANN)])
    assert not queue._reader._guard.worker_pids(), "a note of plain text starts no process"
    page = putting("page.html", "<p>The page of rules.</p>", ANN)
    queue.push(source, [replace(page, item=replace(page.item, media_type="text/html"))])
    assert queue._reader._guard.worker_pids()
    assert len(seen(world)) == 2
