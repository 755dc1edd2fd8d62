"""Whatever happens to two sources, and however runs end, readers see what there is in the end.

One source lists what it holds, and tells revisions and renames. The other tells what happened, each
event with its place in its own order, and some of them arrive late. Runs happen at any time and may
die at any write; generations are built, promoted and rolled back between. In the end an
installation that lived through it all is compared with one that has only ever seen the final
inputs.
"""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from ingestion import jobs
from ingestion.active import kept_generations
from ingestion.errors import GenerationError
from ingestion.generations import build, promote, rebuild, rollback
from ingestion.models import GenerationState
from ingestion.prepare import source_sha256
from tests.support.clock import HOUR
from tests.support.content import assert_consistent, content
from tests.support.installation import Installation
from tests.support.interrupted import MOMENTS, Died, InterruptedHost
from tests.support.source import acl, allow
from tests.unit.ingestion.telling import StreamingSource, TellingSource, Told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.catalogue import Blank

SPECS = (acl("staff", allow("group:staff")), acl("board", allow("group:board"), parent="staff"))
SECTIONS = (
    "# Travel\n\nThe allowance abroad is 55 euros a day.",
    "# Travel\n\nThe allowance abroad is 60 euros a day.",
    "A loan needs two signatures.",
)
names = st.sampled_from(["a.md", "b.md"])  # few, so that they meet
texts = st.lists(st.sampled_from(SECTIONS), min_size=1, max_size=2).map("\n\n".join)
acls = st.sampled_from(["staff", "board"])


class Shelf:
    """What the listing source holds. A rename is told until something else takes the name."""

    def __init__(self) -> None:
        self.told: dict[str, Told] = {}

    def put(self, name: str, text: str, acl_: str) -> None:
        former = self.told[name].formerly if name in self.told else None
        self.told[name] = _marked(Told(name, text, acl_, formerly=former))

    def remove(self, name: str) -> None:
        self.told.pop(name, None)

    def rename(self, old: str, new: str) -> None:
        if old in self.told and old != new:
            self.told[new] = replace(self.told.pop(old), name=new, formerly=old)

    def source(self) -> TellingSource:
        return TellingSource([self.told[name] for name in sorted(self.told)], "shelf", SPECS)


class Feed:
    """What happened, in the order in which it arrives; and what is true in the end."""

    def __init__(self) -> None:
        self.log: list[Told] = []
        self.now = 0

    def happen(self, name: str, text: str | None, acl_: str, former: str | None) -> None:
        self.now += 10
        self.log.append(Told(name, text, acl_, formerly=former, sequence=self.now))

    def arrive_late(self, name: str, text: str | None, acl_: str) -> None:
        """Something older than the last word on its name, which therefore changes nothing."""
        words = [told.sequence or 0 for told in self.log if name in {told.name, told.formerly}]
        if words:
            self.log.append(Told(name, text, acl_, sequence=max(words) - 5))

    def source(self) -> StreamingSource:
        return StreamingSource(list(self.log), "feed", SPECS)


def _marked(told: Told) -> Told:
    revision = hashlib.sha256((told.text or "").encode()).hexdigest()
    return replace(told, revision=revision)


class Sequences(RuleBasedStateMachine):
    """The machine. Its installation is opened anew for each sequence."""

    blank: ClassVar[Blank]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        home = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.hosts = {name: InterruptedHost() for name in ("lived", "fresh")}
        self.lived, self.fresh = (
            self.stack.enter_context(Installation.open(self.blank, home / name, host=host))
            for name, host in self.hosts.items()
        )
        self.shelf, self.feed = Shelf(), Feed()
        self.died = False
        # From here on the feed tells what happens; of what came before, only what was left of it.
        self.run(self.feed.source())

    @rule(name=names, text=texts, acl_=acls)
    def put(self, name: str, text: str, acl_: str) -> None:
        self.shelf.put(name, text, acl_)

    @rule(name=names)
    def remove(self, name: str) -> None:
        self.shelf.remove(name)

    @rule(old=names, new=names)
    def rename(self, old: str, new: str) -> None:
        self.shelf.rename(old, new)

    @rule(name=names, text=texts, acl_=acls)
    def happen(self, name: str, text: str, acl_: str) -> None:
        self.feed.happen(name, text, acl_, None)

    @rule(name=names)
    def vanish(self, name: str) -> None:
        self.feed.happen(name, None, "staff", None)

    @rule(old=names, new=names, text=texts, acl_=acls, late=st.booleans())
    def happen_under_a_new_name(self, old: str, new: str, text: str, acl_: str, late: bool) -> None:
        if old != new:
            self.feed.happen(new, text, acl_, old)
            if late:
                self.arrive_late(name=old, text=text, acl_=acl_)

    @rule(name=names, text=st.none() | texts, acl_=acls)
    def arrive_late(self, name: str, text: str | None, acl_: str) -> None:
        if not self.feed.log:
            self.feed.happen(name, SECTIONS[0], "staff", None)
        self.run(self.feed.source())  # what nobody has heard of cannot be late
        self.feed.arrive_late(name, text, acl_)
        self.run(self.feed.source())

    @rule()
    def run_shelf(self) -> None:
        self.run(self.shelf.source())

    @rule()
    def run_feed(self) -> None:
        self.run(self.feed.source())

    @rule(of_feed=st.booleans(), moment=st.sampled_from(MOMENTS), skip=st.integers(0, 2))
    def die(self, of_feed: bool, moment: str, skip: int) -> None:
        host = self.hosts["lived"]
        host.die_at(moment, skip=skip)
        try:
            self.run(self.feed.source() if of_feed else self.shelf.source())
        except Died:
            self.died = True
        finally:
            host.on_write = lambda _moment: None

    @rule()
    def build(self) -> None:
        build(self.lived.runtime.ingest_context())
        self.check()

    @rule()
    def promote(self) -> None:
        for row in kept_generations(self.lived.runtime.database):
            if row.state == GenerationState.READY:
                promote(self.lived.runtime.ingest_context(), row.id, by="t", force=True)
                break
        self.check()

    @rule()
    def roll_back(self) -> None:
        with suppress(GenerationError):  # there may be nothing to go back to
            rollback(self.lived.runtime.ingest_context(), by="t")
        self.check()

    def run(self, source: TellingSource) -> None:
        self.lived.clock.advance(HOUR)
        report = self.lived.ingest(source)
        assert report.failures == []
        assert self.held(source.name) == {
            told.name: (source_sha256((told.text or "").encode()), told.acl)
            for told in source.there()
        }
        self.check()

    def check(self) -> None:
        """Every generation that is kept, served or not, agrees with the catalogue."""
        for row in kept_generations(self.lived.runtime.database):
            assert_consistent(
                self.lived,
                self.hosts["lived"].memory,
                generation=row.id,
                wider_places=self.died,
            )

    def held(self, source: str) -> dict[str, tuple[str, str]]:
        """Hash and ACL of each document of a source, by its name."""
        documents = content(self.lived, self.hosts["lived"].memory)["documents"]
        return {
            name: (values[5], values[4])
            for (_, of, name), values in documents.items()
            if of == source
        }

    def teardown(self) -> None:
        try:
            self.run(self.shelf.source())
            self.run(self.feed.source())
            self.fresh.ingest(self.shelf.source())
            self.fresh.ingest(self.feed.source())
            if self.died:
                # A death may leave a point with more sources than it has; a rebuild settles that.
                rebuild(self.lived.runtime.ingest_context())
            seen = {
                name: visible(world, self.hosts[name])
                for name, world in (("lived", self.lived), ("fresh", self.fresh))
            }
            assert seen["lived"] == seen["fresh"]
        finally:
            self.stack.close()


def visible(world: Installation, host: InterruptedHost) -> dict[str, Any]:
    """What readers can tell apart, but for the ids of documents that were renamed."""
    found = content(world, host.memory)
    name_of = {values[0]: key for key, values in found["documents"].items()}
    found["documents"] = {key: values[1:] for key, values in found["documents"].items()}
    found["occurrences"] = sorted((name_of[row[0]], *row[1:]) for row in found["occurrences"])
    for ident, (tenant, acl_id, places, *rest) in found["points"].items():
        named = {replace(one, document=str(name_of[one.document])) for one in places}
        found["points"][ident] = (tenant, acl_id, named, *rest)
    return found


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(jobs, "BATCH_DOCUMENTS", 2)
    monkeypatch.setattr("ingestion.generations.building.BATCH_DOCUMENTS", 2)
    return


def test_any_sequence_ends_where_the_final_inputs_would(blank_catalogue: Blank) -> None:
    Sequences.blank = blank_catalogue
    run_state_machine_as_test(
        Sequences, settings=settings(max_examples=8, stateful_step_count=12, deadline=None)
    )


def test_late_words_about_a_name_and_a_former_name_change_nothing(blank_catalogue: Blank) -> None:
    """Two of those sequences in full, since a draw may pass them over."""
    Sequences.blank = blank_catalogue
    lived = Sequences()
    lived.happen(name="a.md", text=SECTIONS[0], acl_="staff")
    lived.arrive_late(name="a.md", text=SECTIONS[1], acl_="board")
    lived.happen_under_a_new_name(old="a.md", new="b.md", text=SECTIONS[0], acl_="staff", late=True)
    lived.happen(name="a.md", text=SECTIONS[2], acl_="staff")
    lived.happen_under_a_new_name(
        old="a.md", new="b.md", text=SECTIONS[1], acl_="board", late=False
    )
    lived.run_feed()
    lived.teardown()


def test_a_name_that_was_left_before_anything_had_it_stays_free(blank_catalogue: Blank) -> None:
    Sequences.blank = blank_catalogue
    lived = Sequences()
    lived.vanish(name="a.md")
    lived.happen_under_a_new_name(old="a.md", new="b.md", text=SECTIONS[2], acl_="board", late=True)
    lived.teardown()
