"""A made-up history of answers and checks, for trying things out: the same for the same seed.

The rows are those of the real tables, so that everything reads them as it reads real ones. Nothing
in it was ever asked or served. Weeks have weekdays and working hours; askers and questions have a
few frequent ones and many rare ones; relevance is calibrated, so that a piece that is said to be
80 % likely to help does help 80 % of those who say so.
"""

from __future__ import annotations

import hashlib
import json
import random
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from retrieval.quality.planted import Fault, Planted
from retrieval.records import CheckRow, ClaimRow, EvidenceRecordRow, FeedbackRow, RetrievalRow
from retrieval.status import ReasonCode, conclude
from retrieval.verify_quotes import CitationResult
from verifier.support import SupportVerdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from acl.orm import TenantScoped

    Row = dict[str, Any]
    Rows = dict[type[TenantScoped], list[Row]]

DAY: Final = 86_400
SOURCES: Final[Mapping[str, int]] = {"handbook": 7, "policies": 2, "contracts": 30, "tickets": 1}
"""Each source, and the days its text may be old."""

_AGENTS: Final = ("assistant", "drafter", "researcher", "summariser")
_ASKERS: Final = 40
_QUESTIONS: Final = 160
THRESHOLD: Final = 0.35
_SUPPORT: Final = {"supported": (9, 1.5), "contradicted": (1.5, 9), "not_enough": (2, 5)}
_AGAINST: Final = {"supported": (1.5, 9), "contradicted": (9, 1.5), "not_enough": (2, 6)}
_HOURS: Final = (*[8] * 3, *[9] * 6, *[10] * 8, *[11] * 7, *[12] * 3, *[13] * 5, *[14] * 8)
_LATER: Final = (*[15] * 7, *[16] * 6, *[17] * 4, *[18] * 2, 20, 22, 3)


@dataclass(frozen=True, slots=True)
class Plan:
    """What history to make.

    Attributes:
        seed: the same seed and plan give the same rows.
        tenants: whose.
        weeks: how many.
        queries: a week and tenant, about.
        ends: the end of the last week; aware.
        planted: what goes wrong in it.
    """

    seed: int = 2026
    tenants: Sequence[str] = ("northbank", "eastclinic")
    weeks: int = 8
    queries: int = 300
    ends: datetime = datetime(2026, 11, 23, tzinfo=UTC)
    planted: Sequence[Planted] = ()

    @property
    def begins(self) -> datetime:
        """The start of the first week."""
        return self.ends - timedelta(weeks=self.weeks)


def digest(*parts: str) -> str:
    """What stands for a made-up asker, question or document."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def agent_digest(tenant: str, agent: str) -> str:
    """The ``caller`` of the checks that an agent of a tenant asks for."""
    return digest(tenant, "agent", agent)


def history(plan: Plan) -> Iterator[tuple[str, Rows]]:
    """The rows of each tenant and week, in order of time: tenant, then rows by table."""
    for week in range(plan.weeks):
        for tenant in plan.tenants:
            # A generator of its own, so that one more tenant or week leaves the others as they are.
            yield tenant, _Week(plan, tenant, week).rows()


class _Week:
    """One tenant's week."""

    def __init__(self, plan: Plan, tenant: str, week: int) -> None:
        self._plan, self._tenant, self._week = plan, tenant, week
        self._random = random.Random(f"{plan.seed} {tenant} {week}")  # noqa: S311 - not a secret
        self._begins = plan.begins + timedelta(weeks=week)
        upgraded = [p for p in plan.planted if p.fault is Fault.WORSE_MODEL and p.week <= week]
        self._worse = bool(upgraded)
        self._generation = upgraded[-1].where if upgraded else "g1"

    def rows(self) -> Rows:
        """Everything of the week, by table, in order of time."""
        tables: Rows = {
            table: []
            for table in (RetrievalRow, EvidenceRecordRow, CheckRow, ClaimRow, FeedbackRow)
        }
        for at in self._moments(self._plan.queries):
            self._query(tables, at)
        for at in self._moments(self._plan.queries // 3):
            self._check(tables, at)
        return tables

    def _faulty(self, fault: Fault, where: str) -> Planted | None:
        return next(
            (
                p
                for p in self._plan.planted
                if p.fault is fault and p.where == where and p.week <= self._week
            ),
            None,
        )

    def _moments(self, about: int) -> list[datetime]:
        count = max(1, round(self._random.gauss(about, about**0.5)))
        return sorted(self._moment() for _ in range(count))

    def _moment(self) -> datetime:
        day = self._random.choices(range(7), (10, 11, 11, 10, 8, 1, 1))[0]
        hour = self._random.choice((*_HOURS, *_LATER))
        into = timedelta(days=day, hours=hour, seconds=self._random.randrange(3_600))
        return self._begins + into + timedelta(microseconds=self._random.randrange(10**6))

    def _few_often(self, kinds: int) -> int:
        """One of so many, the first ones far more often than the last."""
        return min(int(self._random.paretovariate(0.7)) - 1, 10**6) % kinds

    def _query(self, tables: Rows, at: datetime) -> None:
        draw, tenant = self._random, self._tenant
        question = self._few_often(_QUESTIONS)
        # Of what a question is, its source and how well it is covered follow, in every week alike.
        own = random.Random(f"{tenant} question {question}")  # noqa: S311 - as above
        home = own.choices(list(SOURCES), (5, 4, 2, 3))[0]
        covered = own.betavariate(5, 1.6)
        asker = digest(tenant, "asker", str(self._few_often(_ASKERS)))
        best = min(0.995, max(0.02, draw.gauss(covered, 0.07) - (0.22 if self._worse else 0.0)))
        record_id = self._uuid()
        pieces: list[Row] = []
        if best >= THRESHOLD:
            pieces = [
                self._piece(record_id, rank, question, home, best)
                for rank in range(1, draw.choice((1, 2, 3, 3, 4, 5)) + 1)
            ]
        reasons = self._reasons(pieces, best)
        conflicts = sum(code is ReasonCode.CONFLICTING_EVIDENCE for code in reasons)
        status, action = conclude(reasons, evidence=bool(pieces))
        slow = 3.0 if self._faulty(Fault.SLOW_TENANT, tenant) else 1.0
        tables[RetrievalRow].append(
            {
                "tenant": tenant,
                "record_id": record_id,
                "request_id": self._uuid().replace("-", ""),
                "at": at,
                "caller_digest": asker,
                "query_digest": digest(tenant, "question", str(question)),
                "view": digest(tenant, "view", asker),
                "status": status.value,
                "action": action.value,
                "reasons": json.dumps([code.value for code in reasons]),
                "mode": "hybrid",
                "exactness": "exact",
                "evidence": len(pieces),
                "best_relevance": round(best, 4),
                "duplicates_collapsed": draw.choices((0, 1, 2, 4), (8, 3, 1, 1))[0],
                "conflicts": conflicts,
                "evidence_tokens": sum(draw.randrange(60, 220) for _ in pieces),
                "latency_ms": round(slow * draw.lognormvariate(2.6, 0.35), 2),
                "generation": self._generation,
            }
        )
        tables[EvidenceRecordRow] += pieces
        for piece in pieces[:1]:
            if draw.random() < 0.3:  # noqa: PLR2004 - about as many say whether it helped
                self._feedback(tables, piece, asker, at)

    def _piece(self, record_id: str, rank: int, question: int, home: str, best: float) -> Row:
        draw, tenant = self._random, self._tenant
        source = home if rank == 1 or draw.random() < 0.75 else draw.choice(list(SOURCES))  # noqa: PLR2004 - the rest comes from anywhere
        document = f"{source}-{(question * 7 + rank) % 60}"
        limit = SOURCES[source] * DAY
        age = int(draw.betavariate(1.6, 4) * limit)
        neglected = self._faulty(Fault.STALE_SOURCE, source)
        if neglected is not None:
            age += (self._week - neglected.week + 1) * 7 * DAY
        injected = self._faulty(Fault.INJECTED_SOURCE, source) is not None
        flagged = draw.random() < (0.3 if injected else 0.004)
        name = (tenant, "document", document)
        return {
            "tenant": tenant,
            "record_id": record_id,
            "rank": rank,
            "chunk_id": str(uuid.UUID(digest(*name, str(question % 3)))),
            "document_id": str(uuid.UUID(digest(*name))),
            "version": 1 + self._week // 3,
            "source": source,
            "relevance": round(max(THRESHOLD, best - 0.06 * (rank - 1)), 4),
            "age_seconds": age,
            "freshness": "fresh" if age <= limit else "stale",
            "verdict": "flagged" if flagged else "clean",
            "findings": int(flagged),
        }

    def _reasons(self, pieces: Sequence[Row], best: float) -> list[ReasonCode]:
        if not pieces:
            return [ReasonCode.NO_MATCH if best < 0.05 else ReasonCode.LOW_RELEVANCE]  # noqa: PLR2004 - nearly nothing
        given = []
        if any(piece["freshness"] == "stale" for piece in pieces):
            given.append(ReasonCode.STALE_EVIDENCE)
        if self._random.random() < 0.03:  # noqa: PLR2004 - of answers
            given.append(ReasonCode.CONFLICTING_EVIDENCE)
        if any(piece["findings"] for piece in pieces):
            given.append(ReasonCode.INJECTION_FLAGGED)
        return given

    def _feedback(self, tables: Rows, piece: Row, asker: str, at: datetime) -> None:
        tables[FeedbackRow].append(
            {
                "tenant": self._tenant,
                "about": "chunk",
                "target_id": piece["chunk_id"],
                "caller_digest": asker,
                "at": at + timedelta(minutes=3),
                "useful": self._random.random() < piece["relevance"],
                "comment": None,
            }
        )

    def _check(self, tables: Rows, at: datetime) -> None:
        draw, tenant = self._random, self._tenant
        agent = draw.choices(_AGENTS, (5, 3, 2, 2))[0]
        careless = self._faulty(Fault.MISATTRIBUTING_AGENT, agent) is not None
        record_id = self._uuid()
        claims = [
            self._claim(record_id, place, careless=careless)
            for place in range(1, draw.randrange(1, 6) + 1)
        ]
        supported = sum(c["verdict"] == SupportVerdict.SUPPORTED.value for c in claims)
        outcomes = [result.value for result in CitationResult]
        cited = sum(claim[name] for claim in claims for name in outcomes)
        good = sum(claim[name] for claim in claims for name in ("quoted", "unquoted"))
        tables[CheckRow].append(
            {
                "tenant": tenant,
                "record_id": record_id,
                "request_id": self._uuid().replace("-", ""),
                "at": at,
                "caller_digest": agent_digest(tenant, agent),
                "view": digest(tenant, "view", agent),
                "model": "minilm",
                "claims": len(claims),
                "recall": round(supported / len(claims), 4),
                "precision": round(good / cited, 4) if cited else None,
                "latency_ms": round(draw.lognormvariate(3.4, 0.4), 2),
                "generation": self._generation,
            }
        )
        tables[ClaimRow] += claims

    def _claim(self, record_id: str, place: int, *, careless: bool) -> Row:
        draw = self._random
        counts = dict.fromkeys((result.value for result in CitationResult), 0)
        good = {"quoted": 66, "unquoted": 22, "altered": 3, "stitched": 1, "misplaced": 3}
        weights = {**good, "misquoted": 3, "unverifiable": 1, "not_found": 1}
        if careless:
            weights["misplaced"] = 45
        for _ in range(draw.choice((1, 1, 1, 2, 2, 3))):
            counts[draw.choices(list(weights), list(weights.values()))[0]] += 1
        rests = counts["quoted"] + counts["unquoted"] > 0
        verdict = draw.choices(
            ("supported", "contradicted", "not_enough"), (88, 3, 9) if rests else (4, 6, 90)
        )[0]
        return {
            "tenant": self._tenant,
            "record_id": record_id,
            "place": place,
            "verdict": verdict,
            "score": round(draw.betavariate(*_SUPPORT[verdict]), 4),
            "contradiction": round(draw.betavariate(*_AGAINST[verdict]), 4),
            "reasons": json.dumps([] if rests else ["quote_refused"]),
            "differs_in": json.dumps(["number"] if verdict == "contradicted" else []),
            **counts,
            "source": _drawn_on(record_id, place),
        }

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


def _drawn_on(record_id: str, place: int) -> str:
    """The source that a claim rests on."""
    own = random.Random(f"{record_id} {place}")  # noqa: S311 - not a secret
    return own.choices(list(SOURCES), (5, 4, 2, 3))[0]
