"""The one table of metrics: what each counts, its labels, and which values a label may take.

Instruments, documentation and tests are made from it. A label's values are a closed list wherever
the code has one; anything else is bounded in number and in shape, so that no sender's text can
become a label and no label can grow without end. What must never be a label: a tenant, a caller, a
document, a source by its name, or any text that was sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from acl.identity.faults import TokenFault
from ingestion.report import RunStatus
from retrieval.limits.budgets import Budget, Holder
from retrieval.metrics import names
from retrieval.status import Action, ReasonCode, Status
from retrieval.verify_quotes import CitationResult
from retrieval.verify_verdict import ClaimReason
from verifier.findings import FindingKind, Severity
from verifier.policy import TrustVerdict
from verifier.support import SupportVerdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SURFACES: Final = ("http", "mcp", "console")
OPERATIONS: Final = ("retrieve", "verify")
"""Those that are timed stage by stage."""

STAGES: Final = ("resolve", "embed", "search", "fetch", "judge", "confirm", "account")
DEPENDENCIES: Final = ("catalogue", "embedder", "index", "verifier")
CIRCUIT: Final = ("closed", "half_open", "open")
CACHES: Final = ("embedding", "findings")
QUEUE: Final = "queue"
"""The budget of a refusal for want of a slot."""

FAST: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Upper bounds in seconds. From a stage of a millisecond to a request at its deadline."""


class Kind(StrEnum):
    """How a metric moves."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Label:
    """One label.

    Attributes:
        said: what it tells.
        values: all it may be; None where the list is open. It is bounded all the same.
    """

    said: str
    values: tuple[str, ...] | None = None

    @classmethod
    def of(cls, said: str, values: Iterable[str]) -> Label:
        """A label with a closed list of values."""
        return cls(said, tuple(str(value) for value in values))


@dataclass(frozen=True, slots=True)
class Family:
    """One metric.

    Attributes:
        kind: how it moves.
        said: one sentence for its HELP line and the documentation.
        labels: by name, in the order in which values are given.
        buckets: upper bounds of a histogram, in seconds.
    """

    kind: Kind
    said: str
    labels: Mapping[str, Label] = field(default_factory=dict)
    buckets: tuple[float, ...] = FAST

    @property
    def closed(self) -> bool:
        """Whether every series it can have is known beforehand."""
        return all(label.values is not None for label in self.labels.values())


_SURFACE: Final = Label.of("Where it was asked.", SURFACES)
_ROUTE: Final = Label("The route's template, never the path, or `unmatched`.")
_CODE: Final = Label("The problem's code, or `http_STATUS` where a library refused.")
_CODE_OR_OK: Final = Label("The problem's code, or `ok`.")

_C, _H, _G = Kind.COUNTER, Kind.HISTOGRAM, Kind.GAUGE

FAMILIES: Final[Mapping[str, Family]] = {
    # How requests end
    names.REQUESTS: Family(
        _C,
        "HTTP requests by route template, HTTP status and problem code ('ok' if none).",
        {"route": _ROUTE, "status": Label("The HTTP status."), "code": _CODE_OR_OK},
    ),
    names.REQUEST_SECONDS: Family(_H, "Wall clock of HTTP requests.", {"route": _ROUTE}),
    names.PROBLEMS: Family(
        _C,
        "Requests and tool calls that ended in a problem.",
        {"surface": _SURFACE, "code": _CODE},
    ),
    names.TOOL_CALLS: Family(
        _C,
        "MCP tool calls by tool and problem code ('ok' if none).",
        {"tool": Label("The tool, or `unknown_tool`."), "code": _CODE_OR_OK},
    ),
    names.TOOL_SECONDS: Family(
        _H, "Wall clock of MCP tool calls.", {"tool": Label("The tool, or `unknown_tool`.")}
    ),
    names.TOKENS_REFUSED: Family(
        _C,
        "Bearer tokens refused, by what was wrong (whoever sent them is not told).",
        {"fault": Label.of("What was wrong.", TokenFault)},
    ),
    # Answers
    names.ANSWERS: Family(
        _C,
        "Answers of retrieve by surface and status.",
        {"surface": _SURFACE, "status": Label.of("How the answer stands.", Status)},
    ),
    names.ACTIONS: Family(
        _C,
        "Answers of retrieve by what the agent was told to do.",
        {"surface": _SURFACE, "action": Label.of("What an agent should do.", Action)},
    ),
    names.REASONS: Family(
        _C,
        "Answers of retrieve that gave a reason, each reason once an answer.",
        {"surface": _SURFACE, "reason": Label.of("The reason's code.", ReasonCode)},
    ),
    names.RETRIEVE_SECONDS: Family(
        _H, "Wall clock of retrieve, without the transport.", {"surface": _SURFACE}
    ),
    names.STAGE_SECONDS: Family(
        _H,
        "Wall clock of the stages of an operation.",
        {
            "operation": Label.of("What was asked.", OPERATIONS),
            "stage": Label.of("Which step.", STAGES),
        },
    ),
    names.EVIDENCE: Family(
        _C,
        "Pieces of evidence served, by what the trust policy did with them.",
        {"verdict": Label.of("What was done with the text.", TrustVerdict)},
    ),
    names.EVIDENCE_TOKENS: Family(_C, "Tokens of the evidence served."),
    names.FINDINGS: Family(
        _C,
        "What the verifier found in evidence that was served.",
        {
            "kind": Label.of("What it is about.", FindingKind),
            "severity": Label.of("How much it matters.", Severity),
        },
    ),
    names.DUPLICATES: Family(_C, "Pieces folded into others that say the same."),
    names.RECHECK_DROPS: Family(
        _C, "Hits that the recheck kept back immediately before they would have left."
    ),
    names.WITHDRAWN: Family(
        _C,
        "Answers on record that did not leave: rights had changed, or time had run out.",
    ),
    # Checks of claims
    names.CHECKS: Family(_C, "Checks of claims.", {"surface": _SURFACE}),
    names.CHECK_SECONDS: Family(
        _H, "Wall clock of checks, without the transport.", {"surface": _SURFACE}
    ),
    names.CLAIMS: Family(
        _C,
        "Claims checked, by verdict.",
        {"verdict": Label.of("What the cited evidence is to the claim.", SupportVerdict)},
    ),
    names.CLAIM_REASONS: Family(
        _C,
        "Claims checked that got a reason, each reason once a claim.",
        {"reason": Label.of("The reason's code.", ClaimReason)},
    ),
    names.CITATIONS: Family(
        _C,
        "Citations checked, by what became of them.",
        {"result": Label.of("What became of it.", CitationResult)},
    ),
    # Dependencies
    names.BREAKER_STATE: Family(
        _G,
        "1 for the state that the circuit around a dependency is in.",
        {
            "name": Label.of("The dependency.", DEPENDENCIES),
            "state": Label.of("How the circuit stands.", CIRCUIT),
        },
    ),
    names.BREAKER_CHANGES: Family(
        _C,
        "Changes of a circuit, by the state it came to.",
        {
            "name": Label.of("The dependency.", DEPENDENCIES),
            "state": Label.of("What it came to.", CIRCUIT),
        },
    ),
    names.FALLBACKS: Family(
        _C,
        "Answers that had to do without a dependency, by the reason they gave.",
        {"name": Label.of("The reason's code.", ReasonCode)},
    ),
    names.CACHE_LOOKUPS: Family(
        _C,
        "Looks into what was worked out before.",
        {
            "name": Label.of("What is kept.", CACHES),
            "outcome": Label.of("Whether it was there.", ("hit", "miss")),
        },
    ),
    # Room
    names.BUDGET_REFUSALS: Family(
        _C,
        "Requests refused because a budget was used up.",
        {
            "budget": Label.of("Which; `queue` for want of a slot.", (*Budget, QUEUE)),
            "scope": Label.of("Whose use was counted.", Holder),
        },
    ),
    names.QUEUE_SECONDS: Family(
        _H,
        "How long requests waited for their turn.",
        {"outcome": Label.of("Whether they got one.", ("admitted", "refused"))},
    ),
    names.QUEUE_WAITING: Family(_G, "Requests that wait for their turn now."),
    names.QUEUE_WORKING: Family(_G, "Requests that are worked on now."),
    names.QUEUE_SLOTS: Family(_G, "Requests that may be worked on at once."),
    # The installation
    names.BUILD_INFO: Family(
        _G,
        "1, with what runs here as labels.",
        {
            "version": Label("Of this service."),
            "python": Label("Of the interpreter."),
            "catalogue": Label("The kind of database."),
            "index": Label("The kind of index."),
        },
    ),
    names.READY: Family(_G, "1 if models and index are loaded, else 0."),
    names.CATALOGUE_UP: Family(
        _G, "1 if the catalogue answers; else 0, and what it would tell is left out."
    ),
    names.RUNS: Family(
        _G,
        "Ingest runs on record, by how they stand or ended.",
        {"status": Label.of("How they stand or ended.", RunStatus)},
    ),
    names.RECORDS_QUEUED: Family(_G, "Records of answers and checks that are not written yet."),
    names.RECORDS_DROPPED: Family(
        _C, "Records of answers and checks that were dropped because writing fell behind."
    ),
}
"""By name, as instruments are made; Prometheus adds ``_total`` to the name of a counter."""


def exposed(name: str) -> tuple[str, ...]:
    """The names of the series that a metric has in Prometheus."""
    match FAMILIES[name].kind:
        case Kind.COUNTER:
            return (f"{name}_total",)
        case Kind.HISTOGRAM:
            return (f"{name}_bucket", f"{name}_count", f"{name}_sum")
        case Kind.GAUGE:
            return (name,)
