"""Which engine answers for which generation, and which are there at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from ingestion.errors import IndexUnavailableError
from ingestion.index.both import BothHosts
from ingestion.index.client import EdgeHost
from ingestion.index.hosts import EngineKind, ServerPlace, create_host
from ingestion.index.memory import MemoryHost
from ingestion.index.port import IndexHost
from ingestion.index.server import ServerHost
from retrieval.settings import Settings
from tests.contract.index.worlds import DIMENSIONS, point

if TYPE_CHECKING:
    from pathlib import Path

EMBEDDED, SERVER = EngineKind.EMBEDDED, EngineKind.SERVER
NOWHERE = ServerPlace("http://127.0.0.1:1", timeout_seconds=1)


class AwayHost(MemoryHost):
    """An engine that does not answer while it is away."""

    away = False

    def generations(self) -> list[str]:
        if self.away:
            raise IndexUnavailableError("index: away")
        return super().generations()


@pytest.fixture
def engines() -> dict[EngineKind, AwayHost]:
    return {EMBEDDED: AwayHost(), SERVER: AwayHost()}


def test_each_generation_is_asked_where_it_is(engines: dict[EngineKind, AwayHost]) -> None:
    both = BothHosts(engines, builds=EMBEDDED)
    assert isinstance(both, IndexHost)
    both.open("g1", dimensions=DIMENSIONS).upsert([point(1)])
    there = both.building_in(SERVER)
    there.open("g2", dimensions=DIMENSIONS).upsert([point(2), point(3)])
    assert [both.where(name) for name in ("g1", "g2", "g3")] == [EMBEDDED, SERVER, None]
    assert there.open("g1", dimensions=DIMENSIONS).count() == 1
    assert both.open("g2", dimensions=DIMENSIONS).count() == 2
    assert both.generations() == ["g1", "g2"]
    assert both.info()["points"] == {"g1": 1, "g2": 2}
    both.drop("g2")
    both.drop("g2")
    assert (both.generations(), engines[SERVER].generations()) == (["g1"], [])
    both.close()


def test_what_is_here_is_found_while_the_server_is_away_and_nothing_is_made_in_its_place(
    engines: dict[EngineKind, AwayHost],
) -> None:
    both = BothHosts(engines, builds=EMBEDDED)
    both.open("g1", dimensions=DIMENSIONS)
    engines[SERVER].away = True
    assert both.where("g1") is EMBEDDED
    with pytest.raises(IndexUnavailableError):
        both.open("g2", dimensions=DIMENSIONS)
    assert engines[EMBEDDED].generations() == ["g1"]


def test_the_engines_follow_from_what_is_named_and_what_is_there(tmp_path: Path) -> None:
    filled = tmp_path / "filled"
    (filled / "index" / "shards" / "g1").mkdir(parents=True)
    empty = tmp_path / "empty"
    for data_dir, server, builds, expected in (
        (empty, None, None, EdgeHost),
        (filled, None, None, EdgeHost),
        (empty, NOWHERE, None, ServerHost),
        (empty, NOWHERE, SERVER, ServerHost),
        (filled, NOWHERE, None, BothHosts),
        (empty, NOWHERE, EMBEDDED, BothHosts),
    ):
        host = create_host(data_dir, idle_seconds=1, server=server, builds=builds)
        assert type(host) is expected
        if isinstance(host, BothHosts):
            assert host.builds is (builds or SERVER)
        host.close()
    assert not empty.exists()


def test_no_two_catalogues_share_a_prefix_unless_they_are_told_to(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, qdrant_url="http://127.0.0.1:1", qdrant_api_key="hush")
    one, same, other = (settings.qdrant(bytes([n]) * 32) for n in (1, 1, 2))
    assert one is not None
    assert other is not None
    assert one == same
    assert one.prefix != other.prefix
    assert "hush" not in repr(one)
    told = settings.model_copy(update={"qdrant_prefix": "ours"}).qdrant(bytes(32))
    assert told is not None
    assert told.prefix == "ours"


def test_a_server_to_build_on_must_be_named(tmp_path: Path) -> None:
    assert Settings(data_dir=tmp_path).qdrant(bytes(32)) is None
    with pytest.raises(ValidationError, match="CLEARANCE_QDRANT_URL"):
        Settings(data_dir=tmp_path, index_engine=SERVER)
