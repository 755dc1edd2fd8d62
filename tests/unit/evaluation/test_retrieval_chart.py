"""The picture of an evaluation: it can be read as text, as SVG and as PNG."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from retrieval.evaluation.resample import Estimate, Resampling
from retrieval.evaluation.retrieval import RetrievalReport
from retrieval.evaluation.retrieval_chart import bars, save

if TYPE_CHECKING:
    from pathlib import Path

REPORT = RetrievalReport(
    embedder="hash",
    documents=4,
    refused=0,
    questions=2,
    measures={
        "words": {"ndcg@10": Estimate(0.5, 0.25, 0.75), "recall@10": Estimate(1.0)},
        "served": {"ndcg@10": Estimate(None), "recall@10": Estimate(0.0, 0.0, 0.1)},
    },
    milliseconds=(1.0, 2.0),
    ingest_seconds=1.0,
    views=(),
    resampling=Resampling(10, 1),
)


def test_bars_show_the_first_measure_of_each_ranking() -> None:
    words, served = bars(REPORT)
    assert (words.count("█"), served.count("█")) == (20, 0)
    assert words.startswith("words ")
    assert words.endswith(" 0.500")


def test_a_picture_names_every_ranking_and_measure(tmp_path: Path) -> None:
    pytest.importorskip("vl_convert")
    drawn, photographed = tmp_path / "chart.svg", tmp_path / "chart.PNG"
    save(REPORT, drawn)
    save(REPORT, photographed)
    text = drawn.read_text(encoding="utf-8")
    assert all(f">{word}<" in text for word in ("words", "served", "ndcg@10", "recall@10"))
    assert photographed.read_bytes().startswith(b"\x89PNG")
