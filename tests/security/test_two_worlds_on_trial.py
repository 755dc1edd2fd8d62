"""Non-interference while a generation is on trial: a share of the questions is answered by another.

Which ones is a keyed function of caller and question, so the same in a world and its twin; and what
comes of either generation is a function of what the caller may see.
"""

from __future__ import annotations

import random
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from ingestion.generations import canary
from tests.security.test_two_worlds import chunk_ids, draw_request, engine_named
from tests.security.worlds import QUERIES, SECTIONS, World, draw_world, replies, tell, twin
from tests.support.generations import BY, other, ready
from tests.support.installation import Installation, caller

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.catalogue import Blank

ANN = caller("user:ann")
SHARES = (0, 500, 1_000)
# Few candidates, so that hidden chunks would push visible ones over the edge of a leg.
_CANDIDATES = 3
_WORDS = sorted({word for section in SECTIONS for word in section.split() if word.isalpha()})


def on_trial(installation: Installation, world: World) -> None:
    """Tell a world; build another generation beside, of finer cuts; and go on telling."""
    tell(world, installation)
    assert ready(installation) == "g2"
    tell(world, installation)  # written to both


@pytest.mark.parametrize(("engine", "seed"), [("memory", 1), ("edge", 6)])
def test_hidden_documents_change_no_byte_whichever_generation_answers(
    blank_catalogue: Blank, tmp_path: Path, engine: str, seed: int
) -> None:
    rng = random.Random(seed)  # noqa: S311 - a seed, not a secret
    whole = draw_world(rng)
    without = twin(whole, "user:ann", None)
    assert len(whole.stories) > len(without.stories) > 0
    questions = [*QUERIES, *(" ".join(rng.sample(_WORDS, 3)) for _ in range(10))]
    asked = [draw_request(rng, question) for question in questions]
    with ExitStack() as stack:
        worlds = []
        for name, world in (("whole", whole), ("without", without)):
            host = engine_named(engine, tmp_path / f"{name}-shards")
            installation = stack.enter_context(
                Installation.open(
                    blank_catalogue, tmp_path / name, host=host, candidates=_CANDIDATES
                )
            )
            on_trial(installation, world)
            worlds.append(installation)
        ids = {ident for installation in worlds for ident in chunk_ids(installation)}
        got: dict[int, list[str]] = {}
        for share in SHARES:
            for installation in worlds:
                canary(other(installation), "g2", share, by=BY)
            with_hidden, got[share] = (replies(one, ANN, asked, ids) for one in worlds)
            assert with_hidden == got[share]
    # Proof that a share was answered by each, and that one could tell the answers apart.
    active, trial, shared = (got[share][: len(asked)] for share in (0, 1_000, 500))
    by_trial = [one for a, t, one in zip(active, trial, shared, strict=True) if a != t == one]
    by_active = [one for a, t, one in zip(active, trial, shared, strict=True) if t != a == one]
    assert by_trial
    assert by_active
