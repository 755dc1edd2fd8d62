"""The page of figures describes every column there is."""

from __future__ import annotations

from retrieval.quality.datasets import SHAPES
from tools.quality_columns import PAGE, figures, tables, written


def test_the_tables_are_what_the_code_says() -> None:
    page = PAGE.read_text("utf-8")
    assert page == written(page), "run: python -m tools.quality_columns"
    assert tables() in page
    assert figures() in page


def test_every_column_is_described_in_a_sentence() -> None:
    for shape in SHAPES.values():
        assert len(set(shape.names)) == len(shape.names)
        assert all(column.meaning.endswith(".") for column in shape.columns)
