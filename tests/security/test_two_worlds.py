"""Non-interference: what a caller gets is a function of what the caller may see, byte for byte.

Each test makes two installations: one with everything, and its twin without what the caller may not
see. Secret, clock and request id are the same; so must be every byte of every reply, scores
included.
"""

from __future__ import annotations

import random
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hypothesis import event, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from ingestion.index.memory import MemoryHost
from ingestion.index.shards import InProcessEdgeHost
from ingestion.models import ChunkRow
from tests.security.worlds import QUERIES, SOURCES, World, draw_world, replies, tell, twin
from tests.support.clock import HOUR, NOON
from tests.support.installation import Installation, caller
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from ingestion.index.port import IndexHost
    from tests.support.catalogue import Blank

ANN = caller("user:ann")
WORDS = (
    *("loan", "credit", "policy", "holiday", "salary", "invoice", "audit", "branch", "mortgage"),
    *("rate", "limit", "2024", "4711", "secret", "merger", "bonus", "travel", "card", "fraud"),
)
FILTERS = (
    {"media_type": ["text/markdown"]},
    {"media_type": ["text/plain", "text/unheard"], "modified_at": {"since": NOON}},
    {"modified_at": {"before": NOON + HOUR}},
)
# Few candidates, so that hidden chunks would push visible ones over the edge of a leg.
_CANDIDATES = 3


@dataclass(frozen=True)
class Pair:
    """A world, its twin for one caller, and what came of asking both."""

    whole: World
    without: World
    replies: tuple[list[str], list[str]]

    @property
    def hidden(self) -> int:
        """How many stories the twin leaves out."""
        return len(self.whole.stories) - len(self.without.stories)

    @property
    def evidence(self) -> int:
        """How many replies brought evidence."""
        return sum('"evidence":[{' in reply for reply in self.replies[1])


def ask_both(
    blank: Blank, engine: str, rng: random.Random, subject: str, actor: str | None
) -> Pair:
    """Tell a world and its twin, and ask both the same."""
    whole = draw_world(rng)
    without = twin(whole, subject, actor)
    asked = [draw_request(rng, query) for query in QUERIES]
    asked += asked[:1]  # again: what is remembered between two questions must not tell either
    who = caller(subject, actor=actor)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory()))
        installations = []
        for name, world in (("whole", whole), ("without", without)):
            host = engine_named(engine, directory / f"{name}-shards")
            installations.append(
                stack.enter_context(
                    Installation.open(blank, directory / name, host=host, candidates=_CANDIDATES)
                )
            )
            tell(world, installations[-1])
        ids = {ident for installation in installations for ident in chunk_ids(installation)}
        first, second = (replies(installation, who, asked, ids) for installation in installations)
    return Pair(whole, without, (first, second))


def engine_named(engine: str, directory: Path) -> IndexHost:
    """The memory oracle, or the embedded engine in this process."""
    return MemoryHost() if engine == "memory" else InProcessEdgeHost(directory)


def draw_request(rng: random.Random, query: str) -> dict[str, object]:
    """One question, narrowed now and then."""
    return {
        "query": query,
        "limit": rng.choice([1, 2, 8]),
        "include": ["scores"],
        "min_relevance": rng.choice([0.0, 0.0, 0.0, None]),
        "max_age_seconds": rng.choice([None, None, 1800]),
        "sources": rng.choice([None, None, ["wiki"], [*SOURCES, "unheard"]]),
        "filters": rng.choice([None, None, *FILTERS]),
    }


def chunk_ids(installation: Installation) -> list[str]:
    """Every chunk id an installation has, whoever may see it."""
    with installation.runtime.database.unguarded("comparing whole worlds") as session:
        return list(session.scalars(select(ChunkRow.id)))


def assert_nothing_shows(pair: Pair) -> None:
    """The signature of the product; and, for the statistics, how much was there to show."""
    event(f"hidden documents: {min(pair.hidden, 5)}{'+' * (pair.hidden >= 5)}")
    event(f"evidence flows: {pair.evidence > 0}")
    with_hidden, without = pair.replies
    assert with_hidden == without


_randoms = st.randoms(use_true_random=False)
_subjects = st.sampled_from(("user:ann", "user:ann", "user:ann", "user:bob"))
_actors = st.sampled_from((None, None, None, "user:bob"))


@settings(max_examples=settings().max_examples // 2)
@given(rng=_randoms, subject=_subjects, actor=_actors)
def test_random_hidden_documents_change_no_byte_over_the_memory_oracle(
    blank_catalogue: Blank, rng: random.Random, subject: str, actor: str | None
) -> None:
    assert_nothing_shows(ask_both(blank_catalogue, "memory", rng, subject, actor))


@settings(max_examples=settings().max_examples // 5)
@given(rng=_randoms, subject=_subjects, actor=_actors)
def test_random_hidden_documents_change_no_byte_over_the_embedded_engine(
    blank_catalogue: Blank, rng: random.Random, subject: str, actor: str | None
) -> None:
    assert_nothing_shows(ask_both(blank_catalogue, "edge", rng, subject, actor))


def test_seeded_worlds_hide_much_and_show_much(blank_catalogue: Blank) -> None:
    """The same comparison on fixed worlds, and proof that it compares something."""
    hidden = evidence = 0
    for seed in (1, 3, 4, 5, 6):
        rng = random.Random(seed)  # noqa: S311 - a seed, not a secret
        pair = ask_both(blank_catalogue, "memory", rng, "user:ann", None)
        assert pair.replies[0] == pair.replies[1]
        hidden += pair.hidden
        evidence += pair.evidence
    assert hidden >= 15
    assert evidence >= 20


def test_thousands_of_hidden_chunks_change_no_byte_over_the_embedded_engine(
    blank_catalogue: Blank, tmp_path: Path
) -> None:
    """Posting lists, segments and quantiser of the shard differ; not one byte of an answer does."""
    rng = random.Random(7)  # noqa: S311 - a seed, not a secret
    shown = {f"shown-{n:03}.md": Shelved(draw_long_text(rng, 3), "open") for n in range(40)}
    hidden = {f"hidden-{n}.md": Shelved(draw_long_text(rng, 300), "closed") for n in range(8)}
    # The very texts of visible documents, under an ACL that is hidden.
    hidden |= {f"hidden-{name}": Shelved(shelved.text, "closed") for name, shelved in shown.items()}
    gone = {f"gone-{n}.md": Shelved(draw_long_text(rng, 200), "open") for n in range(2)}
    specs = [acl("open", allow("user:ann")), acl("closed", allow("user:bob"))]
    asked: list[dict[str, object]] = [
        {"query": " ".join(rng.sample(WORDS, rng.randint(1, 6))), "include": ["scores"]}
        for _ in range(25)
    ]
    with ExitStack() as stack:
        whole, without = (
            stack.enter_context(
                Installation.open(
                    blank_catalogue,
                    tmp_path / name,
                    host=InProcessEdgeHost(tmp_path / f"{name}-shards"),
                    candidates=_CANDIDATES,
                )
            )
            for name in ("whole", "without")
        )
        for world in (whole, without):
            world.know("user:ann")
        whole.ingest(ListedSource("wiki", specs, hidden | gone))
        for world, shelf in ((whole, shown | hidden), (without, shown)):
            world.ingest(ListedSource("wiki", specs, shelf))
            world.ingest(ListedSource("wiki", specs, shelf))
        index = whole.runtime.index("g1")
        assert index.count() > 2_400

        expected = replies(without, ANN, asked, ())
        assert sum('"evidence":[{' in reply for reply in expected) > 20
        assert replies(whole, ANN, asked, ()) == expected
        index.optimise()
        assert replies(whole, ANN, asked, ()) == expected
        without.runtime.index("g1").optimise()
        assert replies(without, ANN, asked, ()) == expected


def test_words_that_left_the_view_do_not_linger_in_a_shared_chunk(
    blank_catalogue: Blank, tmp_path: Path
) -> None:
    specs = [acl("open", allow("user:ann")), acl("closed", allow("user:bob"))]
    text = "# Travel\n\nThe travel allowance abroad is 55 euros."
    shown = {"shown.md": Shelved(text, "open")}
    # Embedded, the heading path of the one reads like the first line of the other.
    guest = "guest.txt"
    got = []
    for name, first, then in (
        (
            "whole",
            {guest: Shelved(f"Travel\n{text}", "open")},
            {**shown, guest: Shelved("Nothing.", "closed")},
        ),
        ("without", {}, shown),
    ):
        with Installation.open(blank_catalogue, tmp_path / name) as world:
            world.know("user:ann")
            for shelf in (first, {**first, **shown}, then):
                world.ingest(ListedSource("wiki", specs, shelf))
            got.append(world.ask(ANN).model_dump_json())
    assert got[0] == got[1]


def draw_long_text(rng: random.Random, sections: int) -> str:
    """Sections of a few words each, out of a small vocabulary."""
    return "\n\n".join(
        f"# {rng.choice(WORDS)}\n\n{' '.join(rng.choices(WORDS, k=rng.randint(3, 25)))}."
        for _ in range(sections)
    )
