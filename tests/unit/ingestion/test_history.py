"""However an installation got where it is, it holds what one fresh run would have put there.

Histories are drawn: documents of two sources are written, edited, moved between ACLs, removed and
brought back; runs happen at any time, die at any write, and generations are built, promoted and
rolled back between. Texts repeat within documents, across documents, sources and ACLs, so that
chunks are shared and released.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion import jobs
from ingestion.active import kept_generations
from ingestion.errors import GenerationError
from ingestion.generations import build, promote, rebuild, rollback
from ingestion.models import GenerationState
from tests.support.clock import HOUR
from tests.support.content import assert_consistent, content
from tests.support.installation import Installation
from tests.support.interrupted import MOMENTS, Died, InterruptedHost
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.catalogue import Blank

SECTIONS = (
    "# Travel\n\nThe allowance abroad is 55 euros a day.",
    "# Travel\n\nThe allowance abroad is 60 euros a day.",
    "# Loans\n\nA loan needs two signatures.",
    "A loan needs two signatures.",
)
SPECS = (acl("staff", allow("group:staff")), acl("board", allow("group:board"), parent="staff"))
SOURCES = ("policies", "wiki")
NAMES = ("a.md", "b.md", "c.md")
PLACES = [(source, name) for source in SOURCES for name in NAMES]

Place: TypeAlias = tuple[str, str]
Step: TypeAlias = tuple[str, object]

documents = st.builds(
    Shelved,
    st.lists(st.sampled_from(SECTIONS), min_size=1, max_size=3).map("\n\n".join),
    st.sampled_from(["staff", "board"]),
)
deaths = st.tuples(
    st.sampled_from(SOURCES), st.sampled_from(MOMENTS), st.integers(min_value=0, max_value=2)
)
steps = st.one_of(
    st.tuples(
        st.just("edit"),
        st.dictionaries(st.sampled_from(PLACES), st.none() | documents, min_size=1),
    ),
    st.tuples(st.just("run"), st.sampled_from(SOURCES)),
    st.tuples(st.just("run"), st.sampled_from(SOURCES)),
    st.tuples(st.just("dying run"), deaths),
    st.tuples(st.just("rebuild"), st.none()),
    st.tuples(st.just("build"), st.none()),
    st.tuples(st.just("promote"), st.none()),
    st.tuples(st.just("rollback"), st.none()),
)


@pytest.fixture(autouse=True, scope="module")
def _small_batches() -> Iterator[None]:
    """Two documents a batch, so that even a small history crosses batches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "BATCH_DOCUMENTS", 2)
        patch.setattr("ingestion.generations.building.BATCH_DOCUMENTS", 2)
        yield


class History:
    """An installation that lives through steps, and what its sources list meanwhile."""

    def __init__(self, installation: Installation, host: InterruptedHost) -> None:
        self.installation = installation
        self.host = host
        self.shelves: dict[str, dict[str, Shelved]] = {name: {} for name in SOURCES}
        self.died = False

    def live(self, step: Step) -> None:
        self.installation.clock.advance(HOUR)
        match step:
            case "edit", dict() as changes:
                for (source, name), document in changes.items():
                    self.shelves[source].pop(name, None)
                    if document is not None:
                        self.shelves[source][name] = document
            case "run", str(source):
                self.run(source)
            case "dying run", (str(source), str(moment), int(skip)):
                self.host.die_at(moment, skip=skip)
                try:
                    self.run(source)
                except Died:
                    self.died = True
                finally:
                    self.host.on_write = lambda _: None
            case str(change), None:
                self.switch(change)
            case _:
                raise AssertionError(step)

    def run(self, source: str) -> None:
        shelf = dict(self.shelves[source])
        report = self.installation.ingest(ListedSource(source, SPECS, shelf))
        assert report.failures == []
        self.check()

    def switch(self, change: str) -> None:
        context = self.installation.runtime.ingest_context()
        match change:
            case "rebuild":
                rebuild(context)
            case "build":
                build(context)
            case "promote":
                for ident in self.ready()[-1:]:
                    promote(context, ident, by="t", force=True)
            case "rollback":
                with suppress(GenerationError):  # there may be nothing to go back to
                    rollback(context, by="t")
        self.check()

    def ready(self) -> list[str]:
        rows = kept_generations(self.installation.runtime.database)
        return [row.id for row in rows if row.state == GenerationState.READY]

    def check(self) -> None:
        rows = kept_generations(self.installation.runtime.database)
        for row in rows if any(row.state == GenerationState.ACTIVE for row in rows) else ():
            assert_consistent(
                self.installation,
                self.host.memory,
                generation=row.id,
                wider_places=self.died,
            )


@settings(max_examples=25)
@given(history=st.lists(steps, max_size=12))
def test_any_history_ends_where_one_fresh_run_would(
    blank_catalogue: Blank, history: list[Step]
) -> None:
    with tempfile.TemporaryDirectory() as home:
        old_host, new_host = InterruptedHost(), InterruptedHost()
        with (
            Installation.open(blank_catalogue, Path(home) / "old", host=old_host) as old,
            Installation.open(blank_catalogue, Path(home) / "new", host=new_host) as new,
        ):
            lived, fresh = History(old, old_host), History(new, new_host)
            for step in history:
                lived.live(step)
            fresh.shelves = lived.shelves
            for source in SOURCES:
                lived.run(source)
                fresh.run(source)
            if lived.died:
                # A death may leave a point with more sources than it has; a rebuild settles that.
                rebuild(old.runtime.ingest_context())
                lived.died = False
                lived.check()
            assert content(old, old_host.memory) == content(new, new_host.memory)
