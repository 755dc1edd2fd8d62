"""The datasets of ``GET /v1/quality/{dataset}``: every column, what it holds, what it means.

One table for the service, the client and the documentation, so that none can say what another
does not. What never lives here: reading, and anything that decides what may be seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from retrieval.verify_quotes import CitationResult


class Dataset(StrEnum):
    """What can be asked for."""

    RETRIEVALS = "retrievals"
    EVIDENCE = "evidence"
    CHECKS = "checks"
    CLAIMS = "claims"
    CITATIONS = "citations"
    FEEDBACK = "feedback"
    SOURCES = "sources"


class Kind(StrEnum):
    """What a column holds. ``codes`` is a list of short machine-readable words."""

    TEXT = "text"
    TIME = "time"
    DAY = "day"
    INTEGER = "integer"
    NUMBER = "number"
    CODES = "codes"
    YES_NO = "yes or no"


class Filter(StrEnum):
    """What a dataset can be narrowed by."""

    SINCE = "since"
    UNTIL = "until"
    SOURCE = "source"
    GENERATION = "generation"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, what it holds, and what that means. Any but a key may be null."""

    name: str
    kind: Kind
    meaning: str


@dataclass(frozen=True, slots=True)
class Shape:
    """One dataset.

    Attributes:
        about: what a row is.
        columns: in the order in which they are written.
        filters: by which it can be narrowed; any other is refused.
    """

    about: str
    columns: tuple[Column, ...]
    filters: frozenset[Filter]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(column.name for column in self.columns)


_PERIOD: Final = frozenset({Filter.SINCE, Filter.UNTIL})
_TENANT: Final = Column("tenant", Kind.TEXT, "The tenant of the token; never another.")
_AT: Final = Column("at", Kind.TIME, "When, by the service's clock (UTC).")
_CALLER: Final = Column(
    "caller", Kind.TEXT, "Keyed digest of who asked, agents included: equal for equal askers."
)
_VIEW: Final = Column("view", Kind.TEXT, "Digest of everything the asker could see.")
_REQUEST: Final = Column(
    "request_id",
    Kind.TEXT,
    "The request's id, if the service chose it; null where the client did, as it may say anything.",
)
_DOCUMENTS: Final = (
    Column("document", Kind.TEXT, "Keyed digest of the document, to group by."),
    Column("document_id", Kind.TEXT, "The document, if you may see it now; else null."),
    Column("chunk", Kind.TEXT, "Keyed digest of the piece, to group by."),
    Column("chunk_id", Kind.TEXT, "The piece, for `GET /v1/evidence`, if you may see it; or null."),
)
_SOURCE: Final = Column(
    "source",
    Kind.TEXT,
    "The source's name if you can see something in it, else a digest (`source:…`) to group by.",
)
_ACTIVE: Final = Column(
    "generation", Kind.TEXT, "The build of the index then active; null of old records."
)
_OUTCOMES: Final = {
    CitationResult.QUOTED: "Citations whose quote stands in the evidence as quoted.",
    CitationResult.UNQUOTED: "Citations without a quote: they point at a piece and no more.",
    CitationResult.ALTERED: "Citations whose quote stands there with other words in it.",
    CitationResult.STITCHED: "Citations whose quote is put together from places far apart.",
    CitationResult.MISPLACED: "Citations whose quote stands in another piece: misattributed.",
    CitationResult.MISQUOTED: "Citations whose quote stands in no piece that was cited.",
    CitationResult.UNVERIFIABLE: "Citations whose quote runs over what was withheld or redacted.",
    CitationResult.NOT_FOUND: "Citations of a piece that does not exist, or that the asker may "
    "not see.",
}
_COUNTS: Final = tuple(
    Column(result.value, Kind.INTEGER, _OUTCOMES[result]) for result in CitationResult
)

SHAPES: Final[dict[Dataset, Shape]] = {
    Dataset.RETRIEVALS: Shape(
        "One answered query.",
        (
            _TENANT,
            Column("record_id", Kind.TEXT, "Its record; `evidence` refers to it."),
            _REQUEST,
            _AT,
            _CALLER,
            Column("query", Kind.TEXT, "Keyed digest of the question: equal for equal questions."),
            _VIEW,
            Column("status", Kind.TEXT, "`ok`, `degraded` or `no_evidence`."),
            Column("action", Kind.TEXT, "What the agent was told to do."),
            Column("reasons", Kind.CODES, "Why the answer was less than full."),
            Column("mode", Kind.TEXT, "`hybrid`, or the one leg that answered."),
            Column("exactness", Kind.TEXT, "`exact` or `approximate`."),
            Column("evidence", Kind.INTEGER, "Pieces served."),
            Column(
                "best_relevance",
                Kind.NUMBER,
                "Probability that the best candidate bears on the question; null without one.",
            ),
            Column("duplicates_collapsed", Kind.INTEGER, "Candidates shown as one with another."),
            Column("conflicts", Kind.INTEGER, "Pairs of pieces that disagree."),
            Column("evidence_tokens", Kind.INTEGER, "Tokens of the pieces served."),
            Column("latency_ms", Kind.NUMBER, "Milliseconds inside the service."),
            Column("generation", Kind.TEXT, "The build of the index that answered."),
        ),
        frozenset(Filter),
    ),
    Dataset.EVIDENCE: Shape(
        "One piece of evidence of one answered query.",
        (
            _TENANT,
            Column("record_id", Kind.TEXT, "The query's record in `retrievals`."),
            _AT,
            Column("rank", Kind.INTEGER, "Its place in the answer, from 1."),
            *_DOCUMENTS,
            Column("version", Kind.INTEGER, "Version of the document that was served."),
            _SOURCE,
            Column("relevance", Kind.NUMBER, "Probability that it bears on the question."),
            Column("age_seconds", Kind.INTEGER, "Since its source last confirmed it, when served."),
            Column(
                "max_age_seconds",
                Kind.NUMBER,
                "What its source allows today; null without a limit, or if you cannot see in it.",
            ),
            Column("freshness", Kind.TEXT, "`fresh`, `stale`, `failing` or `unknown`, then."),
            Column("verdict", Kind.TEXT, "`clean`, or what the screen for instructions did."),
            Column("findings", Kind.INTEGER, "Findings of that screen."),
        ),
        frozenset(Filter),
    ),
    Dataset.CHECKS: Shape(
        "One check of claims.",
        (
            _TENANT,
            Column("record_id", Kind.TEXT, "Its record; `claims` refers to it."),
            _REQUEST,
            _AT,
            _CALLER,
            _VIEW,
            Column("model", Kind.TEXT, "Who judged support."),
            Column("claims", Kind.INTEGER, "Claims checked."),
            Column("recall", Kind.NUMBER, "Citation recall: share of its claims supported."),
            Column("precision", Kind.NUMBER, "Citation precision: share of its citations of use."),
            Column("latency_ms", Kind.NUMBER, "Milliseconds inside the service."),
            _ACTIVE,
        ),
        _PERIOD,
    ),
    Dataset.CLAIMS: Shape(
        "One claim of one check.",
        (
            _TENANT,
            Column("record_id", Kind.TEXT, "The check's record in `checks`."),
            _AT,
            _CALLER,
            Column("model", Kind.TEXT, "Who judged support."),
            _ACTIVE,
            Column(
                "source",
                Kind.TEXT,
                "Of the piece that decided, else of the first one cited that is there, told as in "
                "`evidence`; null where none is.",
            ),
            Column("place", Kind.INTEGER, "Its place in the request, from 1."),
            Column("verdict", Kind.TEXT, "`supported`, `contradicted` or `not_enough`."),
            Column("score", Kind.NUMBER, "Probability that the citations support it."),
            Column("contradiction", Kind.NUMBER, "Probability that they contradict it."),
            Column("reasons", Kind.CODES, "What stands against it."),
            Column("differs_in", Kind.CODES, "In what it differs from the evidence."),
            *_COUNTS,
        ),
        _PERIOD,
    ),
    Dataset.CITATIONS: Shape(
        "What became of the citations of one finished day (UTC), by who judged. A day of fewer "
        "than 5 checks keeps its row and loses its figures.",
        (
            _TENANT,
            Column("day", Kind.DAY, "The day, once it is over: figures of it never change again."),
            Column("model", Kind.TEXT, "Who judged support."),
            Column("checks", Kind.INTEGER, "Checks of that day."),
            Column("claims", Kind.INTEGER, "Claims checked."),
            Column("supported", Kind.INTEGER, "Claims that their citations support."),
            Column("contradicted", Kind.INTEGER, "Claims that they contradict."),
            Column("citations", Kind.INTEGER, "Citations of all of them."),
            *_COUNTS,
            Column("hidden", Kind.YES_NO, "Whether the figures are left out for being too few."),
        ),
        _PERIOD,
    ),
    Dataset.FEEDBACK: Shape(
        "What an asker last said of an answer, or of one piece. No comment.",
        (
            _TENANT,
            _AT,
            _CALLER,
            Column("about", Kind.TEXT, "`receipt` (an answer) or `chunk` (one piece)."),
            Column("chunk", Kind.TEXT, "As in `evidence`; null of an answer."),
            Column("chunk_id", Kind.TEXT, "As in `evidence`; null of an answer."),
            Column("useful", Kind.YES_NO, "Whether it helped."),
        ),
        _PERIOD,
    ),
    Dataset.SOURCES: Shape(
        "One source in which you can see something, as it stands now.",
        (
            _TENANT,
            Column("source", Kind.TEXT, "Its name."),
            Column("state", Kind.TEXT, "`fresh`, `stale`, `failing` or `unknown`."),
            Column("age_seconds", Kind.NUMBER, "Since a run last completed; null if none did."),
            Column("max_age_seconds", Kind.NUMBER, "How old it may be; null without a limit."),
            Column("on_stale", Kind.TEXT, "What is done with evidence too old."),
            Column("documents", Kind.INTEGER, "Documents of it that you can see."),
        ),
        frozenset({Filter.SOURCE}),
    ),
}
