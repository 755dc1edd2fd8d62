"""Admission on the web: the dependency of every route that answers from evidence.

Declared like ``ticket: RETRIEVING``; the framework then asks for the caller first, waits for a slot
without holding a thread, and gives it back as soon as the answer is made, before it is sent: a
reader who is slow holds up nobody.
"""
# Annotations are evaluated here, not postponed: the framework reads those of an inner function.

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import Depends, Request

from acl.caller import ApiScope, Caller
from ingestion.errors import RefusedForNowError
from retrieval.api.auth import Authorised, runtime_of
from retrieval.limits.budgets import Operation
from retrieval.limits.ticket import Ticket
from retrieval.runtime import Runtime

GONE_AFTER_SECONDS: Final = 0.1
"""Whoever waited less is taken to be there still."""


def admission(operation: Operation, scope: ApiScope) -> Any:
    """The dependency that yields a ticket for ``operation`` to a caller with the API scope."""

    async def admitted(
        request: Request,
        runtime: Annotated[Runtime, Depends(runtime_of)],
        caller: Annotated[Caller, Depends(Authorised(scope))],
    ) -> AsyncIterator[Ticket]:
        ticket = runtime.admission.admitted(caller, operation)
        request.state.ticket = ticket  # whose headers every reply carries, a refusal too
        async with ticket:
            # Whoever waited may have gone, and under load there is no time to answer nobody.
            if ticket.waited > GONE_AFTER_SECONDS and await request.is_disconnected():
                raise RefusedForNowError("nobody waits for the answer any more")
            yield ticket

    return Depends(admitted, scope="function")


Retrieving = Annotated[Ticket, admission(Operation.RETRIEVE, ApiScope.RETRIEVE)]
Reading = Annotated[Ticket, admission(Operation.GET_EVIDENCE, ApiScope.RETRIEVE)]
Listing = Annotated[Ticket, admission(Operation.LIST_SOURCES, ApiScope.RETRIEVE)]
Verifying = Annotated[Ticket, admission(Operation.VERIFY, ApiScope.VERIFY)]
