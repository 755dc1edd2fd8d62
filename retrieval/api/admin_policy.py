"""``/v1/policy`` and ``/v1/directory``: many changes at once, planned before they are made.

Bodies are handed to the readers of files as they came: a parser in between would keep the last of
two equal names, which is just what those readers refuse.
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path
from pydantic import Field
from starlette.requests import Request

from acl.admin.policy import plan_policy
from acl.admin.policy_file import Policy, read_policy
from acl.admin.sync import plan_sync
from acl.admin.sync_file import read_listing
from retrieval.api.admin_routing import DeskOf, Strict, administered
from retrieval.api.auth import PROBLEMS

router = APIRouter(prefix="/v1", responses=PROBLEMS)

BODY: Final = "body"
_SCHEMA: Final[dict[str, Any]] = {"type": "object", "additionalProperties": True}


def _body(description: str) -> dict[str, Any]:
    """The OpenAPI document's words for a body that is read by our own reader."""
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {**_SCHEMA, "description": description}}},
        }
    }


_POLICY: Final = _body(
    "groups: {name: [members]}, acls: {name: {parent, inherit, purposes, allow, deny}}, prune"
)
_LISTING: Final = _body("users: [{id, active, groups}], services, groups: [{id, members}]")


def _policy(body: bytes) -> Policy:
    return read_policy(body, file=BODY, json=True)


class Some(Strict):
    """How many, and the first of them."""

    count: int
    first: list[str]


class ShiftModel(Strict):
    """Who comes to see an ACL, and who ceases to."""

    acl: str
    guards_documents: bool = Field(description="Whether documents stand under it at present.")
    gains: Some
    loses: Some


class PlanModel(Strict):
    """What is changed, and who sees more or less for it."""

    changes: Some
    audiences: list[ShiftModel]
    acls_touched: int


class AppliedModel(PlanModel):
    """What was changed."""

    changed: bool
    acl_token: str


class SyncModel(PlanModel):
    """What a synchronisation would do, or did."""

    counts: dict[str, int]
    held: dict[str, int] = Field(
        description="Removals that were not made because they are unusually many, by kind. Send "
        "confirm_removals=true to make them."
    )
    left_off: list[str] = Field(description="Listed, but switched off by hand: they stay off.")
    kept_elsewhere: list[str] = Field(description="Listed, but kept by another directory.")


class SyncedModel(SyncModel):
    """What a synchronisation did."""

    changed: bool
    acl_token: str


async def _raw(request: Request) -> bytes:
    """Read here, parsed in the route: that is too much work for the event loop."""
    return await request.body()


Raw = Annotated[bytes, Depends(_raw)]
DirectoryName = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="The directory's name.")
]


@router.post(
    "/policy:plan",
    dependencies=administered(),
    operation_id="plan_policy",
    openapi_extra=_POLICY,
)
def plan_a_policy(desk: DeskOf, body: Raw) -> PlanModel:
    """What applying the policy would change, and who would gain and lose what. Changes nothing."""
    runtime, policy = desk.runtime, _policy(body)
    with runtime.database.write(desk.tenant) as session:
        made = plan_policy(session, desk.tenant, policy, secret=runtime.secret, now=runtime.clock())
    return PlanModel.model_validate(made.to_dict())


@router.post(
    "/policy:apply",
    dependencies=administered(),
    operation_id="apply_policy",
    openapi_extra=_POLICY,
)
def apply_a_policy(desk: DeskOf, body: Raw) -> AppliedModel:
    """Make groups and ACLs as the policy says, whole or not at all."""
    policy = _policy(body)
    with desk.changing() as administration:
        made = administration.apply(policy)
    return AppliedModel.model_validate(
        {**made.to_dict(), "changed": not made.empty, "acl_token": desk.acl_token}
    )


@router.post(
    "/directory/{name}:plan",
    dependencies=administered("confirm_removals"),
    operation_id="plan_sync",
    openapi_extra=_LISTING,
)
def plan_a_sync(
    name: DirectoryName, desk: DeskOf, body: Raw, *, confirm_removals: bool = False
) -> SyncModel:
    """What synchronising would change, and who would gain and lose what. Changes nothing."""
    runtime, listing = desk.runtime, read_listing(body, file=BODY)
    with runtime.database.write(desk.tenant) as session:
        report = plan_sync(
            session,
            desk.tenant,
            name,
            listing,
            secret=runtime.secret,
            now=runtime.clock(),
            confirm_removals=confirm_removals,
        )
    return SyncModel.model_validate(report.to_dict())


@router.post(
    "/directory/{name}:sync",
    dependencies=administered("confirm_removals"),
    operation_id="sync_directory",
    openapi_extra=_LISTING,
)
def sync_a_directory(
    name: DirectoryName, desk: DeskOf, body: Raw, *, confirm_removals: bool = False
) -> SyncedModel:
    """Bring what a directory keeps in line with its listing; unusually many removals are held."""
    listing = read_listing(body, file=BODY)
    with desk.changing() as administration:
        report = administration.sync(name, listing, confirm_removals=confirm_removals)
    return SyncedModel.model_validate(
        {**report.to_dict(), "changed": not report.plan.empty, "acl_token": desk.acl_token}
    )
