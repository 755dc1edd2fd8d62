"""Text to lexical weights, the same for every engine and every language.

BM25 comes apart into a part of the document (term saturation and length, made here at ingest), and
IDF, which depends on who asks and is therefore left to the search. Constants: ``k`` 1.2, ``b``
0.75, and a *constant* average length of 256 tokens. A measured average would be a statistic over
all documents, hidden ones included, and every score would move with it.

Defaults that are safe in any language: split at Unicode word boundaries, keep numbers, fold case
and accents; scripts written without spaces are indexed by the character; English stop words and
stems (text in other languages passes through them alike on both sides). What never lives here:
statistics over documents.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

from qdrant_edge import Bm25, Bm25Config, TokenizerType
from qdrant_edge import SparseVector as EngineVector

from ingestion.index.port import SparseVector

AVERAGE_LENGTH: Final = 256.0

# Han, Hiragana, Katakana: no spaces between words, so each character becomes a term of its own.
# The engine's word splitter would make one term of a whole sentence.
_UNSPACED: Final = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


def encode_document(text: str) -> SparseVector:
    """Weights of a chunk: one per distinct term, with saturation and length applied.

    Text without any term gives an empty vector: found by meaning only.
    """
    return _sparse(_model().embed_document(_prepared(text)))


def encode_query(text: str) -> SparseVector:
    """Terms of a question, each with weight one; empty when there is nothing but stop words."""
    return _sparse(_model().embed_query(_prepared(text)))


def document_terms(text: str) -> frozenset[int]:
    """The distinct terms of a chunk, without weights: for coverage, which needs no more."""
    return frozenset(_model().embed_document(_prepared(text)).indices)


@cache
def _model() -> Bm25:
    # The multilingual tokenizer of the engine drops numbers ("2024", "4.5"), which are what
    # policies and prices are asked for by; the word tokenizer keeps them.
    return Bm25(
        Bm25Config(
            k=1.2,
            b=0.75,
            avg_len=AVERAGE_LENGTH,
            tokenizer=TokenizerType.Word,
            language="english",
            lowercase=True,
            ascii_folding=True,
        )
    )


def _prepared(text: str) -> str:
    if text.isascii():
        return text
    # NFKC: ligatures, full-width letters and the like are spelled as they are typed in a question.
    return _UNSPACED.sub(r" \g<0> ", unicodedata.normalize("NFKC", text))


def _sparse(vector: EngineVector) -> SparseVector:
    pairs = sorted(zip(vector.indices, vector.values, strict=True))
    return SparseVector(
        indices=tuple(index for index, _ in pairs), values=tuple(value for _, value in pairs)
    )
