"""A token narrowed to some sources: the others might as well not exist, in the same ACLs too.

Everything stands under ACLs the subject sees; only the token's own narrowing hides half of it. So
counts, statistics, digests and duplicates must be kept source by source.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from acl.caller import Narrowing
from tests.security.test_two_worlds import chunk_ids, engine_named
from tests.security.worlds import QUERIES, SECTIONS, replies
from tests.support.clock import HOUR, NOON
from tests.support.installation import Installation, caller
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.catalogue import Blank

SPECS = (acl("open", allow("user:ann")), acl("team", allow("user:ann")))
FILTERS = (
    {"media_type": ["text/markdown"]},
    {"media_type": ["text/plain"]},
    {"modified_at": {"since": NOON}},
    {"media_type": ["text/markdown"], "modified_at": {"before": NOON}},
    {"tags": ["travel"]},
    {"tags": ["travel", "finance"], "language": ["de"]},
)
NARROWED = replace(caller("user:ann"), narrowing=Narrowing(sources=frozenset({"wiki"})))


def shelf(rng: random.Random, size: int) -> dict[str, Shelved]:
    """Documents of few sections, so that the same text stands in both sources."""
    return {
        f"{number}.{rng.choice(['md', 'txt'])}": Shelved(
            "\n\n".join(rng.sample(SECTIONS, rng.randint(1, 3))),
            rng.choice(["open", "team"]),
            rng.choice([NOON, NOON - HOUR, None]),
            rng.choice([(), ("travel",), ("finance", "travel")]),
            rng.choice([None, "de"]),
        )
        for number in range(size)
    }


def asked(rng: random.Random) -> list[dict[str, object]]:
    """Questions, some with a filter of their own on top."""
    return [
        {
            "query": query,
            "limit": rng.choice([2, 8]),
            "include": ["scores"],
            "sources": rng.choice([None, ["wiki"], ["mail"], ["wiki", "mail"]]),
            "filters": filters,
        }
        for query in QUERIES
        for filters in (None, rng.choice(FILTERS))
    ]


@pytest.mark.parametrize("engine", ["memory", "edge"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sources_the_token_leaves_out_change_no_byte(
    blank_catalogue: Blank, tmp_path: Path, engine: str, seed: int
) -> None:
    rng = random.Random(seed)  # noqa: S311 - a seed, not a secret
    wiki, mail, late = shelf(rng, 5), shelf(rng, 8), shelf(rng, 6)
    questions = asked(rng)
    got: list[list[str]] = []
    ids: list[str] = []
    evidence = 0
    for name, others in (("whole", [mail, late]), ("without", [])):
        host = engine_named(engine, tmp_path / f"{name}-shards")
        with Installation.open(
            blank_catalogue, tmp_path / name, host=host, candidates=3, exact_limit=12
        ) as world:
            world.know("user:ann")
            for other in others[:1]:
                world.ingest(ListedSource("mail", SPECS, other))
            world.ingest(ListedSource("wiki", SPECS, wiki))
            for other in others[1:]:  # some gone, some changed, some new
                world.ingest(ListedSource("mail", SPECS, other))
            ids = ids or chunk_ids(world)
            got.append(replies(world, NARROWED, questions, ids))
            evidence += sum('"evidence":[{' in reply for reply in got[-1])
    assert got[0] == got[1]
    assert evidence >= 4, "there was hardly anything to compare"


def test_a_token_narrowed_to_nothing_sees_nothing_and_asks_nobody(
    blank_catalogue: Blank, tmp_path: Path
) -> None:
    nothing = replace(NARROWED, narrowing=Narrowing(sources=frozenset()))
    with Installation.open(blank_catalogue, tmp_path / "data") as world:
        world.know("user:ann")
        world.ingest(ListedSource("wiki", SPECS, {"a.md": Shelved(SECTIONS[0], "open")}))
        answer = world.ask(nothing)
        stranger = world.ask(caller("user:stranger"))
    assert answer.evidence == []
    assert answer.view == stranger.view
