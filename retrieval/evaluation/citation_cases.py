"""Citations made by rule out of evidence, of which it is known what they are.

Of two pieces of evidence a quote is taken as it stands, with a word changed, and as if it stood in
the other piece; and one is cited that does not exist. Whoever checks citations must tell each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from retrieval.verify import VerifyRequest
from retrieval.verify_quotes import CitationResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from retrieval.evidence import Evidence
    from retrieval.verify import VerifyResponse

_NOWHERE: Final = "00000000-0000-4000-8000-000000000000"
_WORDS: Final = re.compile(r"[A-Za-z]{2,}(?: [A-Za-z]{2,}){5,11}")
_PLANTED: Final = "zeppelin"
_REFUSED: Final = frozenset(
    {CitationResult.ALTERED, CitationResult.MISPLACED, CitationResult.MISQUOTED}
)


@dataclass(frozen=True, slots=True)
class Case:
    """One citation to be checked, and what it may be told to be."""

    request: VerifyRequest
    right: frozenset[CitationResult]


def cases(pieces: Sequence[Evidence]) -> list[Case]:
    """Cases out of some pieces of evidence; fewer where texts are too short to quote."""
    distinct = list({piece.chunk_id: piece for piece in pieces}.values())
    made: list[Case] = []
    for piece, other in pairwise(distinct):
        made.extend(_of(piece, other))
    return made


def told_rightly(case: Case, response: VerifyResponse) -> bool:
    """Whether a check told the citation for what it is."""
    return response.claims[0].citations[0].result in case.right


def _of(piece: Evidence, other: Evidence) -> Iterator[Case]:
    found = _WORDS.search(piece.text)
    if found is None or found[0] in other.text:
        return
    quote = found[0]
    words = quote.split()
    changed = " ".join([*words[: len(words) // 2], _PLANTED, *words[len(words) // 2 + 1 :]])
    yield _case(quote, piece.chunk_id, quote, frozenset({CitationResult.QUOTED}))
    yield _case(quote, piece.chunk_id, changed, _REFUSED)
    # Of another piece; what a check says beside "not here" depends on what else is cited.
    yield _case(quote, other.chunk_id, quote, _REFUSED)
    yield _case(quote, _NOWHERE, quote, frozenset({CitationResult.NOT_FOUND}))


def _case(claim: str, chunk_id: str, quote: str, right: frozenset[CitationResult]) -> Case:
    cited: dict[str, Any] = {"chunk_id": chunk_id, "quote": quote}
    body = {"claims": [{"text": claim, "citations": [cited]}]}
    return Case(VerifyRequest.model_validate(body), right)
