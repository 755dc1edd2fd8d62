"""``/v1/explain``: why somebody sees something, or why not; for ACL administrators alone."""

from typing import Annotated, Any, Self

from fastapi import APIRouter
from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from acl.admin.changes import AddMember, Change, Grant, RemoveMember, Revoke, SetPrincipal
from acl.admin.explain import Cause, Role
from acl.caller import Caller, GroupsFrom, Narrowing
from acl.entries import AclEntry, Effect
from acl.principal import Principal
from retrieval.api.admin_routing import DeskOf, Strict, administered
from retrieval.api.auth import PROBLEMS
from retrieval.api.keys import NarrowingBody
from retrieval.api.problems import MEDIA_TYPE
from retrieval.explained import About, explained

MAX_CHANGES = 100
MAX_ACTORS = 8

router = APIRouter(prefix="/v1", responses=PROBLEMS)

Text = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class Membership(Strict):
    """Somebody in a group."""

    group: Text
    member: Text


class EntryOf(Strict):
    """An entry of an ACL."""

    acl: Text
    principal: Text
    effect: Effect = Effect.ALLOW


class NewEntry(EntryOf):
    """An entry to be added."""

    expires_at: AwareDatetime | None = None


class WhatIf(Strict):
    """One change to be tried: exactly one of its fields."""

    add_member: Membership | None = None
    remove_member: Membership | None = None
    grant: NewEntry | None = None
    revoke: EntryOf | None = None
    enable: Text | None = None
    disable: Text | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError("give exactly one change; list several one after another")
        return self

    def change(self) -> Change:
        """As the core knows it."""
        parse = Principal.parse
        if self.add_member is not None:
            return AddMember(parse(self.add_member.group), parse(self.add_member.member))
        if self.remove_member is not None:
            return RemoveMember(parse(self.remove_member.group), parse(self.remove_member.member))
        if self.grant is not None:
            new = self.grant
            return Grant(new.acl, AclEntry(new.effect, parse(new.principal), new.expires_at))
        if self.revoke is not None:
            return Revoke(self.revoke.acl, self.revoke.effect, parse(self.revoke.principal))
        return SetPrincipal(parse(self.enable or self.disable or ""), self.enable is not None)


class ExplainRequest(Strict):
    """Whom and what it is about."""

    principal: Text = Field(description="user:ID or service:ID.")
    actors: list[Text] = Field(
        default=[], max_length=MAX_ACTORS, description="The agents that act for them, if any."
    )
    groups: list[Text] = Field(
        default=[], max_length=200, description="Groups that their token would assert."
    )
    groups_from: GroupsFrom = GroupsFrom.DIRECTORY
    narrowing: NarrowingBody | None = Field(
        default=None, description="What their token would take away."
    )
    acl: Text | None = Field(default=None, description="The name of an ACL, or")
    document: Text | None = Field(
        default=None, description="a document's id, or its source and path: handbook/travel.md."
    )
    changes: list[WhatIf] = Field(
        default=[],
        max_length=MAX_CHANGES,
        alias="with",
        description="Changes to be tried and taken back: what would be then?",
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.acl is None) == (self.document is None):
            raise ValueError("give acl or document, and not both")
        return self

    def caller(self, tenant: str) -> Caller:
        """Whom it is about, as a token would make them."""
        return Caller(
            tenant,
            Principal.parse(self.principal),
            tuple(Principal.parse(actor) for actor in self.actors),
            groups=frozenset(Principal.parse(group) for group in self.groups),
            groups_from=self.groups_from,
            narrowing=Narrowing() if self.narrowing is None else self.narrowing.narrowing(),
        )


class StepModel(Strict):
    """One entry that concerns somebody, and the way it does."""

    effect: Effect
    principal: str
    expires_at: AwareDatetime | None
    acl: str = Field(description="On which ACL it stands.")
    through: list[str] = Field(description="From the principal over its groups to the one named.")
    inherited: list[str] = Field(description="From there down to the ACL asked about.")
    counts: bool = Field(description="Whether it decides anything; an expired one does not.")
    cause: Cause | None


class ReasonModel(Strict):
    """One reason of refusal."""

    cause: Cause
    message: str


class PartModel(Strict):
    """What subject or actor is admitted to, alone; all of them must be."""

    principal: str
    role: Role
    admitted: bool
    steps: list[StepModel]
    reasons: list[ReasonModel]


class ExplanationModel(Strict):
    """A decision and its reasons; there are none if and only if it is visible."""

    visible: bool
    acl: str
    chain: list[str] = Field(description="The ACL and what it inherits from, nearest first.")
    parts: list[PartModel]
    reasons: list[ReasonModel]
    at: AwareDatetime


class DocumentModel(Strict):
    """The document asked about."""

    id: str
    source: str
    external_id: str
    title: str


class ExplainedModel(ExplanationModel):
    """As things are, and as they would be with the changes."""

    document: DocumentModel | None
    with_changes: ExplanationModel | None


@router.post(
    "/explain",
    dependencies=administered(),
    operation_id="explain",
    responses={
        404: {
            "description": "There is no such ACL or document in the tenant",
            "content": {MEDIA_TYPE: {}},
        }
    },
)
def explain_access(body: ExplainRequest, desk: DeskOf) -> ExplainedModel:
    """Why somebody sees a document or an ACL, or why not, and what a change would make of it."""
    said: dict[str, Any] = explained(
        desk.runtime,
        body.caller(desk.tenant),
        About(body.acl, body.document),
        changes=[change.change() for change in body.changes],
    ).to_dict()
    return ExplainedModel.model_validate(said)
