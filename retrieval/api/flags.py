"""``/v1/flags``: what operators switch in their own tenant, obeyed at the next request.

The tenant is the token's, and there is no way to name another. These routes are never switched off
and never refused in a read-only tenant: nobody can lock themselves out of switching back, but for
the tenant itself, whose credentials are refused once it is off.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import Field, StringConstraints

from acl.admin.administration import Administrator
from acl.caller import ApiScope, Caller
from acl.seal import acl_token
from retrieval.api.admin_routing import ACL_TOKEN_HEADER, EncodedRoute, Strict, Written
from retrieval.api.auth import PROBLEMS, Authorised, guarded, runtime_of
from retrieval.flags.flag import MAX_REASON_CHARS, Flag
from retrieval.flags.switching import (
    Change,
    SetFlag,
    Switching,
    history,
    set_flags,
    switching,
)
from retrieval.runtime import Runtime

MAX_FLAG_CHARS: Final = 800
MAX_HISTORY: Final = 500

router = APIRouter(
    prefix="/v1/flags",
    responses=PROBLEMS | {404: {**PROBLEMS[422], "description": "There is no such source"}},
    route_class=EncodedRoute,
)

RuntimeOf = Annotated[Runtime, Depends(runtime_of)]
Operator = Annotated[Caller, Depends(Authorised(ApiScope.OPS))]
Named = Annotated[
    str,
    Path(
        max_length=MAX_FLAG_CHARS,
        description="Such as `read_only`, `source:policies`, `route:retrieve`; `/` in it as %2F.",
    ),
]
Reason = Annotated[str, StringConstraints(max_length=MAX_REASON_CHARS)]


class FlagBody(Strict):
    """What a flag is set to."""

    value: Annotated[str, StringConstraints(max_length=32)] = Field(
        description="`off` for a tenant, source, route or tool; `on` for read_only, exact_only and "
        "lexical_only; `flag`, `redact` or `withhold` for trust_policy."
    )
    reason: Reason = Field(default="", description="For whoever reads the history.")


class RollbackBody(Strict):
    """To where the flags are brought back."""

    before_change: int = Field(ge=1, description="Every flag is as it was before this change.")
    reason: Reason = Field(default="", description="For whoever reads the history.")


class FlagModel(Strict):
    """A flag that is set."""

    flag: str
    value: str
    changed_at: datetime | None
    changed_by: str
    reason: str

    @classmethod
    def of(cls, found: SetFlag) -> "FlagModel":
        """As it is told."""
        return cls(
            flag=str(found.flag),
            value=found.value,
            changed_at=found.changed_at,
            changed_by=found.changed_by,
            reason=found.reason,
        )


class FlagList(Strict):
    """Every flag that is set; what is not among them is as usual."""

    flags: list[FlagModel]


class ChangeModel(Strict):
    """One change of one flag; null stands for not set."""

    change: int
    at: datetime
    actor: str
    flag: str
    before: str | None
    after: str | None
    reason: str
    undoes: int | None = Field(description="The change before which a rollback brought the flags.")

    @classmethod
    def of(cls, change: Change) -> "ChangeModel":
        """As it is told."""
        return cls(
            change=change.number,
            at=change.at,
            actor=change.actor,
            flag=str(change.flag),
            before=change.before,
            after=change.after,
            reason=change.reason,
            undoes=change.undoes,
        )


class ChangeList(Strict):
    """Changes, the latest first."""

    changes: list[ChangeModel]


class WrittenFlags(Written):
    """What a change of flags did: nothing where it was so already."""

    changes: list[ChangeModel]


@dataclass(frozen=True, slots=True)
class Desk:
    """What a change works with: the caller's own tenant, and the reply's headers."""

    runtime: Runtime
    caller: Caller
    response: Response

    @contextmanager
    def changing(self) -> Iterator[Switching]:
        """One transaction of the caller's changes; the reply says which version it made."""
        runtime, tenant = self.runtime, self.caller.tenant
        actor = Administrator.by(self.caller).actor
        with switching(runtime.database, tenant, actor, now=runtime.clock()) as switch:
            yield switch
            token = acl_token(runtime.secret, tenant, switch.acl_version())
            self.response.headers[ACL_TOKEN_HEADER] = token

    def written(self, made: Sequence[Change]) -> WrittenFlags:
        """The reply to changes that are committed."""
        return WrittenFlags(
            changed=bool(made),
            acl_token=self.response.headers[ACL_TOKEN_HEADER],
            changes=[ChangeModel.of(change) for change in made],
        )


def _desk(caller: Operator, runtime: RuntimeOf, response: Response) -> Desk:
    return Desk(runtime, caller, response)


DeskOf = Annotated[Desk, Depends(_desk)]


@router.get("", dependencies=guarded(ApiScope.OPS), operation_id="list_flags")
def list_flags(caller: Operator, runtime: RuntimeOf) -> FlagList:
    """The flags that are set in the caller's tenant."""
    with runtime.database.read(caller.tenant) as session:
        return FlagList(flags=[FlagModel.of(one) for one in set_flags(session, caller.tenant)])


@router.get(
    "/history",
    dependencies=guarded(ApiScope.OPS, parameters=["limit"]),
    operation_id="flag_history",
)
def flag_history(
    caller: Operator,
    runtime: RuntimeOf,
    limit: Annotated[int, Query(ge=1, le=MAX_HISTORY, description="How many at most.")] = 100,
) -> ChangeList:
    """Who changed which flag, when, why, and from what; the latest first."""
    with runtime.database.read(caller.tenant) as session:
        changes = history(session, caller.tenant, limit=limit)
    return ChangeList(changes=[ChangeModel.of(change) for change in changes])


@router.post("/rollback", dependencies=guarded(ApiScope.OPS), operation_id="roll_back_flags")
def roll_back_flags(body: RollbackBody, desk: DeskOf) -> WrittenFlags:
    """Bring every flag to where it stood before a change, undoing what came after it too."""
    with desk.changing() as switch:
        made = switch.roll_back(body.before_change, reason=body.reason)
    return desk.written(made)


@router.put("/{flag}", dependencies=guarded(ApiScope.OPS), operation_id="set_flag")
def set_flag(flag: Named, body: FlagBody, desk: DeskOf) -> WrittenFlags:
    """Set a flag. It holds for the next request, in every process."""
    with desk.changing() as switch:
        made = switch.set(Flag.parse(flag), body.value, reason=body.reason)
    return desk.written([] if made is None else [made])


@router.delete("/{flag}", dependencies=guarded(ApiScope.OPS), operation_id="unset_flag")
def unset_flag(flag: Named, desk: DeskOf) -> WrittenFlags:
    """Go back to what is usual, from the next request on."""
    with desk.changing() as switch:
        made = switch.unset(Flag.parse(flag))
    return desk.written([] if made is None else [made])
