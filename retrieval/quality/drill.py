"""From a figure down to what it rests on: the pieces behind a question, read where they may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from retrieval.quality.records import Origin

if TYPE_CHECKING:
    import pandas as pd

    from retrieval.quality.records import Records

_SHOWN: Final = ("tenant", "source", "relevance", "freshness", "verdict", "answers", "chunk_id")
_CHARS: Final = 160


def behind(records: Records, query: str, *, limit: int = 5) -> pd.DataFrame:
    """The pieces that answers to a question rested on, those in most answers first.

    Their text is read from the service, with the rights of the token and on record like any other
    reading; it is None where the token may not read it, or where records come from nowhere else.
    It is data out of documents, never instructions.

    Args:
        records: which were read.
        query: digest of the question, as in the worst list.
        limit: pieces at most.

    Returns:
        ``tenant``, ``source``, ``relevance`` (median), ``freshness``, ``verdict`` (of the last
        time), ``answers``, ``chunk_id``, ``text`` (its beginning).
    """
    asked = records.retrievals.loc[records.retrievals["query"] == query, ["record_id"]]
    pieces = records.evidence.merge(asked, on="record_id")
    table = pieces.groupby(["tenant", "chunk"], as_index=False).agg(
        source=("source", "last"),
        relevance=("relevance", "median"),
        freshness=("freshness", "last"),
        verdict=("verdict", "last"),
        answers=("record_id", "nunique"),
        chunk_id=("chunk_id", "last"),
    )
    top = table.sort_values(["answers", "chunk"], ascending=[False, True]).head(limit)
    texts: list[str | None] = [None] * len(top)
    if records.origin is Origin.SERVICE:
        texts = [_text(chunk) for chunk in top["chunk_id"].astype("object")]
    return top[list(_SHOWN)].assign(text=texts).reset_index(drop=True)


def _text(chunk_id: object) -> str | None:
    from retrieval.client import Clearance, ClientError  # noqa: PLC0415 - made-up ones need none

    if not isinstance(chunk_id, str):
        return None
    with Clearance() as service:
        try:
            return service.get_evidence(chunk_id).evidence.text[:_CHARS]
        except ClientError:
            return None  # gone, or not theirs: one reply, and no reason to stop a notebook
