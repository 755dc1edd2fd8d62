"""Freshness of sources as metrics: for operators, by digests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval import source_gauges
from retrieval.source_gauges import GAUGES, label_of

if TYPE_CHECKING:
    import pytest
    from conftest import Service


def scraped(service: Service) -> str:
    return service.client.get("/metrics", headers=service.headers("operator")).text


def test_every_source_of_every_tenant_is_told_by_a_digest(service: Service) -> None:
    text = scraped(service)
    labels = {label_of(service.runtime, tenant, "handbook") for tenant in ("acme", "globex")}
    assert len(labels) == 2
    for label in labels:
        assert f'clearance_source_state{{source="{label}",state="fresh"}} 1.0' in text
        assert f'clearance_source_state{{source="{label}",state="stale"}} 0.0' in text
    documents = (
        f'clearance_source_documents{{source="{label_of(service.runtime, "acme", "handbook")}"}}'
    )
    assert f"{documents} 2.0" in text
    assert "handbook" not in text


def test_every_gauge_is_declared(service: Service) -> None:
    text = scraped(service)
    assert {name for name in GAUGES if f"# TYPE {name} gauge" in text} == GAUGES.keys()


def test_beyond_a_bound_sources_are_counted_and_not_shown(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_gauges, "MAX_SOURCES", 1)
    text = scraped(service)
    shown = [line for line in text.splitlines() if line.startswith("clearance_source_documents{")]
    (count,) = [line for line in text.splitlines() if line.startswith("clearance_sources ")]
    assert len(shown) == 1
    assert float(count.split()[1]) >= 2
