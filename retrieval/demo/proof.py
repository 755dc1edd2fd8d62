"""What an auditor would ask of the demo: an agent's view, a receipt, and the chain of the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from sqlalchemy import select

from acl.audit.kinds import Stream
from acl.audit.models import AuditRow
from acl.audit.verify import verify as verify_chain
from acl.caller import Caller, Narrowing
from acl.errors import SignatureError
from acl.principal import Principal
from acl.signing import verify
from retrieval.demo import show
from retrieval.pipeline import retrieve
from retrieval.query import RetrieveRequest
from retrieval.receipt_statement import TYP

if TYPE_CHECKING:
    from rich.console import Console

    from retrieval.demo.checks import Check
    from retrieval.evidence import RetrieveResponse
    from retrieval.runtime import Runtime

TENANT, ASKER = "meridian", "user:ben"
QUERY = "How many days may I work from Spain?"


def prove(console: Console, runtime: Runtime) -> list[Check]:
    """Show delegation, a receipt and the audit. Returns what was expected, and whether it held."""
    asker = Principal.parse(ASKER)
    answer = _ask(runtime, Caller(TENANT, asker))
    checks = _delegated(console, runtime, asker, answer)
    checks += _signed(console, runtime, answer)
    return [*checks, *_recorded(console, runtime, answer)]


def _ask(runtime: Runtime, caller: Caller) -> RetrieveResponse:
    return retrieve(runtime, caller, RetrieveRequest(query=QUERY), request_id="demo-proof")


def _delegated(
    console: Console, runtime: Runtime, asker: Principal, own: RetrieveResponse
) -> list[Check]:
    """An agent nobody has cleared, and a token narrowed to another source, both take away."""
    agent = Principal.parse("service:not-cleared")
    by_agent = _ask(runtime, Caller(TENANT, asker, (agent,)))
    elsewhere = Narrowing(sources=frozenset({"another source"}))
    narrowed = _ask(runtime, Caller(TENANT, asker, narrowing=elsewhere))
    checks = [
        ("the person is answered", bool(own.evidence)),
        ("through an agent that is not cleared, nothing", not by_agent.evidence),
        ("by a token for another source, nothing", not narrowed.evidence),
    ]
    lines = [Text(f"  {ASKER}: {len(own.evidence)} pieces; through {agent}: none", "dim")]
    promise = "An agent never sees more than its user, nor a user more through an agent."
    console.print(show.panel("delegation", promise, lines, checks))
    return checks


def _signed(console: Console, runtime: Runtime, answer: RetrieveResponse) -> list[Check]:
    """The receipt states what was shown; with one character changed it states nothing."""
    keys = runtime.signer.jwks()
    stated = verify(answer.receipt, keys, typ=TYP)
    middle = len(answer.receipt) // 2
    other = "A" if answer.receipt[middle] != "A" else "B"
    damaged = answer.receipt[:middle] + other + answer.receipt[middle + 1 :]
    try:
        verify(damaged, keys, typ=TYP)
    except SignatureError:
        noticed = True
    else:
        noticed = False
    shown = {piece.chunk_id for piece in answer.evidence}
    checks = [
        ("it names who was shown what", stated["sub"] == ASKER),
        ("all of it", {cited["chunk_id"] for cited in stated["citations"]} == shown),
        ("one changed character is noticed", noticed),
    ]
    lines = [Text(f"  {len(answer.receipt)} characters, checked with the public key alone", "dim")]
    promise = "Every answer has a signed receipt that anybody can check offline."
    console.print(show.panel("receipt", promise, lines, checks))
    return checks


def _recorded(console: Console, runtime: Runtime, answer: RetrieveResponse) -> list[Check]:
    """The audit holds the answer, in a chain without a gap, and not the question."""
    with runtime.audit_database.read(TENANT) as session:
        verdict = verify_chain(session, TENANT, Stream.ACCESS, jwks=runtime.signer.jwks())
        told = session.scalars(
            select(AuditRow.body).where(
                AuditRow.stream == Stream.ACCESS, AuditRow.body.contains(answer.receipt_id)
            )
        ).all()
    checks = [
        ("the chain is intact", verdict.intact),
        ("the answer is in it once", len(told) == 1),
        ("the question is not", "Spain" not in "".join(told)),
    ]
    lines = [Text(f"  {verdict.rows} events of {TENANT}, each bound to the one before", "dim")]
    promise = "Nothing is served that is not on record first, and no record can be changed unseen."
    console.print(show.panel("audit", promise, lines, checks))
    return checks
