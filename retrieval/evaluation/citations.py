"""Evaluating the check of claims: citation recall and precision as it measures them, and true.

A scripted answerer cites pieces of which it is known whether they support what it says. So its
citation recall and precision are known, and are held against those that the check measures. Claims
are judged as a request's are, by the same code, without a catalogue and without rights: every piece
stands as it is given.

Source: T. Gao, H. Yen, J. Yu and D. Chen, "Enabling large language models to generate text with
citations", EMNLP 2023, section 4. Recall is the share of claims that their citations together
support, those without a citation included; precision the share of citations that help a supported
claim, alone or because the others do not support it without them.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from ingestion.catalog import Place
from ingestion.prepare import text_sha256
from retrieval.evaluation.report import Figures, Report, counted
from retrieval.verify_evidence import Cited, Original
from retrieval.verify_request import Assertion, Reference
from retrieval.verify_verdict import Bench
from verifier.policy import TrustPolicy, apply
from verifier.sanitise import sanitise
from verifier.support import SupportVerdict, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from retrieval.evaluation.lines import CitationLine
    from retrieval.evaluation.resample import Measure, Resampling
    from retrieval.verify_verdict import Judged
    from verifier.offsets import OffsetMap
    from verifier.support_model import SupportModel

    Floats = NDArray[np.float64]

_LABELS: Final = ("supported", "unsupported")
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


def evaluate_citations(
    lines: Sequence[CitationLine],
    *,
    resampling: Resampling,
    model: SupportModel | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Report:
    """Hold measured citation recall and precision against the true ones.

    Intervals are of resampled groups of lines: those that name one group are drawn together.

    Args:
        lines: claims with citations, and what is true of them.
        resampling: how the intervals are made.
        model: a trained judge; None for the rules alone.
        clock: seconds.

    Returns:
        Of each family and of all: ``recall`` and ``precision`` as measured, ``true_recall`` and
        ``true_precision``, and ``claims_right`` and ``citations_right``, the shares of which the
        check said what is true. Counts are of claims.
    """
    started = clock()
    judged = [judge(line, model=model) for line in lines]
    seconds = clock() - started
    rows = np.array(
        [_counted(line, one) for line, one in zip(lines, judged, strict=True)], float
    ).reshape(len(lines), len(_COLUMNS))
    groups = [line.group or f"\0{place}" for place, line in enumerate(lines)]

    def figures(places: Sequence[int]) -> Figures:
        _, member = np.unique([groups[place] for place in places], return_inverse=True)
        summed = np.zeros((int(member.max()) + 1, len(_COLUMNS)))
        np.add.at(summed, member, rows[list(places)])
        column = dict(zip(_COLUMNS, summed.T, strict=True))
        measures = {
            name: _ratio(column[top], column[bottom]) for name, (top, bottom) in _RATIOS.items()
        }
        labels = (_LABELS[not lines[place].supported] for place in places)
        return Figures(counted(labels, _LABELS), resampling.estimates([0] * len(summed), measures))

    return Report.of(
        "citations",
        name_of(model),
        [line.family for line in lines],
        figures,
        seconds=seconds,
        resampling=resampling,
    )


def judge(line: CitationLine, *, model: SupportModel | None = None) -> Judged:
    """Judge a claim by what it cites, as a request's is; equal texts are one piece."""
    cited: dict[Reference, Cited] = {}
    references = []
    for one in line.citations:
        ident = None if one.text is None else text_sha256(one.text)
        reference = Reference(chunk_id=ident, quote=one.quote)
        references.append(reference)
        if one.text is not None and ident is not None and reference not in cited:
            cited[reference] = _piece(ident, one.text)
    return Bench.of(cited, model=model).judge(Assertion(line.claim, tuple(references)))


_COLUMNS: Final = (
    "claims",
    "supported",
    "said_supported",
    "claims_right",
    "citations",
    "helping",
    "said_helping",
    "citations_right",
)
_RATIOS: Final = {
    "true_recall": ("supported", "claims"),
    "recall": ("said_supported", "claims"),
    "true_precision": ("helping", "citations"),
    "precision": ("said_helping", "citations"),
    "claims_right": ("claims_right", "claims"),
    "citations_right": ("citations_right", "citations"),
}


def _counted(line: CitationLine, judged: Judged) -> tuple[int, ...]:
    """A claim and its citations, counted in the order of the columns."""
    supported = judged.claim.verdict is SupportVerdict.SUPPORTED
    truly = [cited.helps for cited in line.citations]
    right = sum(is_ == said for is_, said in zip(truly, judged.precise, strict=True))
    return (
        1,
        line.supported,
        supported,
        supported == line.supported,
        len(truly),
        sum(truly),
        sum(judged.precise),
        right,
    )


def _ratio(top: Floats, bottom: Floats) -> Measure:
    def measure(weights: Floats | None) -> float | None:
        above, below = (part.sum() if weights is None else weights @ part for part in (top, bottom))
        return float(above / below) if below else None

    return measure


def _piece(ident: str, text: str) -> Cited:
    """A text as the only chunk of a document, and as it would be served."""
    clean = sanitise(text)
    trusted = apply(clean.text, (), TrustPolicy.FLAG)
    original = Original(text, 0, trusted.offsets.compose(clean.offsets))
    return Cited(ident, _place(ident, text, clean.offsets), trusted, original)


def _place(ident: str, text: str, offsets: OffsetMap) -> Place:
    return Place(
        document_id=ident,
        source="",
        title="",
        uri="",
        version=1,
        page=None,
        ordinal=0,
        start=0,
        end=len(text),
        text_sha256=ident,
        source_sha256=ident,
        offsets=offsets.encode(),
        findings="",
        checked_at=_NEVER,
        modified_at=None,
    )
