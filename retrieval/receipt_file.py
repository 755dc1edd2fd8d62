"""A receipt in a file, checked offline: no catalogue, no network, nothing but the keys to trust.

The file holds the compact form and nothing else, but for one line feed at its end, which editors
and shells add: exactly that is taken off, and any other byte more, less or different is refused.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from acl.errors import SignatureError
from acl.signing import MAX_STATEMENT
from ingestion.parsing.registry import parse
from ingestion.prepare import text_sha256
from retrieval.receipt_store import read

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from retrieval.receipt_statement import Cited, Statement


class Span(StrEnum):
    """How a cited passage compares with the document it is said to come from."""

    SAME = "same"
    DIFFERENT = "different"
    UNSTATED = "unstated"
    """Shown beside the evidence asked for: the receipt states what was served of it alone."""


@dataclass(frozen=True, slots=True)
class CheckedSpan:
    """One cited passage of the document, compared."""

    evidence: str
    cited: Cited
    span: Span


def read_file(raw: bytes, jwks: Mapping[str, Any]) -> Statement:
    """What a receipt file says, once every byte of it is known to be as signed.

    Raises:
        SignatureError: something in it was changed, or its key is not among ``jwks``.
    """
    if len(raw) > MAX_STATEMENT:
        raise SignatureError("the file is too large to be a receipt")
    try:
        jws = raw.removesuffix(b"\n").decode("ascii")
    except UnicodeDecodeError as error:
        raise SignatureError("the file is not a receipt, or was changed") from error
    return read(jws, jwks)


def check_source(statement: Statement, content: bytes, *, name: str) -> list[CheckedSpan]:
    """Compare a document with what the receipt cites of it.

    Args:
        statement: what the receipt says.
        content: the original bytes of the document.
        name: its file name; the suffix tells the parser what it is.

    Returns:
        Every passage cited from exactly these bytes, in the receipt's order; at least one.

    Raises:
        SignatureError: the receipt cites nothing of these bytes.
        ParseError: the bytes are the cited ones, but yield no text here.
    """
    digest = hashlib.sha256(content).hexdigest()
    from_it = [
        (f"e{place}", cited)
        for place, cited in enumerate(statement.citations, start=1)
        if cited.source_sha256 == digest
    ]
    if not from_it:
        raise SignatureError("the receipt cites nothing of exactly these bytes")
    text = parse(content, name=name).text
    return [CheckedSpan(ident, cited, _compared(cited, text)) for ident, cited in from_it]


def _compared(cited: Cited, text: str) -> Span:
    if cited.text_sha256 is None:
        return Span.UNSTATED
    same = text_sha256(text[cited.start : cited.end]) == cited.text_sha256
    return Span.SAME if same else Span.DIFFERENT
