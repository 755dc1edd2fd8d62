"""A record as it is told: the columns of its dataset and no other, names only where they may be."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, Final

from retrieval.quality.datasets import SHAPES, Dataset, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from retrieval.quality.analyst import Analyst

    Row = dict[str, Any]

_OWN: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)


def told(session: Session, analyst: Analyst, dataset: Dataset, rows: Sequence[Row]) -> list[Row]:
    """Rows as recorded, made into rows of the dataset.

    Args:
        session: of the catalogue, confined to the tenant.
        analyst: who reads.
        dataset: whose columns.
        rows: as recorded; they are changed.
    """
    if dataset is Dataset.FEEDBACK:
        for row in rows:
            row["chunk_id"] = row["target_id"] if row["about"] == "chunk" else None
            row["document_id"] = None
    if dataset in {Dataset.EVIDENCE, Dataset.FEEDBACK}:
        _tell_pieces(session, analyst, rows)
    if dataset is Dataset.EVIDENCE:
        for row in rows:
            row["max_age_seconds"] = analyst.limits.get(row["source"])
            row["source"] = analyst.source(row["source"])
    if dataset is Dataset.CLAIMS:
        for row in rows:
            row["source"] = row["source"] and analyst.source(row["source"])
    return _of_dataset(rows, dataset)


def _tell_pieces(session: Session, analyst: Analyst, rows: Sequence[Row]) -> None:
    """Replace documents and pieces that the analyst cannot see by what stands for them."""
    documents, chunks = analyst.seen(
        session,
        (row["document_id"] for row in rows if row["document_id"]),
        (row["chunk_id"] for row in rows if row["chunk_id"]),
    )
    for row in rows:
        document, chunk = row["document_id"], row["chunk_id"]
        row["document"] = document and analyst.digest("document", document)
        row["chunk"] = chunk and analyst.digest("chunk", chunk)
        row["document_id"] = document if document in documents else None
        row["chunk_id"] = chunk if chunk in chunks else None


def _of_dataset(rows: Sequence[Row], dataset: Dataset) -> list[Row]:
    """The columns of the dataset, in their order; in bulk, as there may be a million rows."""
    names, columns = SHAPES[dataset].names, SHAPES[dataset].columns
    codes = [column.name for column in columns if column.kind is Kind.CODES]
    numbers = [column.name for column in columns if column.kind is Kind.NUMBER]
    shaped = [{name: row[name] for name in names} for row in rows]
    for row in shaped:
        for name in codes:
            row[name] = json.loads(row[name])
        for name in numbers:
            value = row[name]
            # JSON has no word for what is not a number, and it is no figure either.
            row[name] = float(value) if value is not None and math.isfinite(value) else None
    if "request_id" in names:
        for row in shaped:
            if not _OWN.fullmatch(row["request_id"]):
                row["request_id"] = None  # whatever a client made up is not passed on
    return shaped
