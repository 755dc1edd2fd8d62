"""``/v1/acls``: ACLs and their entries, of the caller's own tenant."""

from typing import Annotated, Self

from fastapi import Path
from pydantic import AwareDatetime, Field, StrictBool

from acl.admin.state import AclState, acl_state, acls_after
from acl.entries import AclEntry, Effect
from acl.principal import Principal
from retrieval.api.admin_routing import (
    MAX_NAME,
    After,
    Desk,
    DeskOf,
    Limit,
    Name,
    OnlyIf,
    OptionallyIf,
    Strict,
    Written,
    admin_router,
    administered,
)

router = admin_router("/v1/acls")


class EntryModel(Strict):
    """Who is allowed or denied, and until when."""

    principal: str = Field(description="user:ID, group:ID, service:ID or everyone.")
    expires_at: AwareDatetime | None = None

    def entry(self, effect: Effect) -> AclEntry:
        """As the core knows it."""
        return AclEntry(effect, Principal.parse(self.principal), self.expires_at)


class AclBody(Strict):
    """The whole of an ACL: what is not given is not so."""

    parent: str | None = Field(default=None, description="The name of the ACL it stands under.")
    inherit: StrictBool = Field(
        default=True, description="Whether what the parent says holds here too."
    )
    purposes: list[str] = Field(
        default=[],
        description="Refuse tokens issued for another purpose; none refuses no purpose.",
    )
    allow: list[EntryModel] = Field(default=[])
    deny: list[EntryModel] = Field(default=[])

    def state(self, name: str) -> AclState:
        """As the core knows it.

        Raises:
            InvalidAclError: a principal stands twice in one list.
        """
        entries = [
            *(one.entry(Effect.ALLOW) for one in self.allow),
            *(one.entry(Effect.DENY) for one in self.deny),
        ]
        return AclState.of_entries(
            name,
            entries,
            parent=self.parent,
            inherit=self.inherit,
            purposes=frozenset(self.purposes),
        )


class AclModel(AclBody):
    """An ACL."""

    name: str
    managed_by: str | None = Field(description="The source that keeps it; its next run restores.")

    @classmethod
    def of(cls, content: dict[str, object]) -> Self:
        """From what its state says."""
        return cls.model_validate(content)


class AclPage(Strict):
    """Some ACLs, in the order of their names."""

    acls: list[AclModel]
    next: str | None = Field(description="Send it as `after` for the next page; null at the end.")


class WrittenAcl(Written):
    """An ACL as it is now; null if it was removed."""

    acl: AclModel | None


class GrantBody(EntryModel):
    """An entry to be added, or whose expiry is to change."""

    effect: Effect = Effect.ALLOW


@router.get("", dependencies=administered("limit", "after"), operation_id="list_acls")
def list_acls(desk: DeskOf, limit: Limit = 100, after: After = None) -> AclPage:
    """The tenant's ACLs."""
    with desk.reading() as session:
        found = acls_after(session, desk.tenant, after, limit + 1)
    page = [AclModel.of(state.to_dict()) for state in found[:limit]]
    return AclPage(acls=page, next=page[-1].name if len(found) > limit else None)


@router.get("/{name}", dependencies=administered(), operation_id="get_acl")
def get_acl(name: Name, desk: DeskOf) -> AclModel:
    """One ACL; its ETag is what a change of it expects."""
    with desk.reading() as session:
        state = acl_state(session, desk.tenant, name)
    return AclModel.of(desk.tagged(state.to_dict()))


@router.put("/{name}", dependencies=administered(), operation_id="put_acl")
def put_acl(
    name: Name,
    body: AclBody,
    desk: DeskOf,
    only_if: OnlyIf,
) -> WrittenAcl:
    """Create or replace an ACL, whole. It holds for the next query."""
    with desk.changing() as administration:
        state, changed = administration.put_acl(body.state(name), expected=only_if)
    return _written(desk, state, changed=changed)


@router.delete("/{name}", dependencies=administered(), operation_id="delete_acl")
def delete_acl(name: Name, desk: DeskOf, only_if: OnlyIf) -> WrittenAcl:
    """Remove an ACL under which nothing stands."""
    with desk.changing() as administration:
        administration.delete_acl(name, expected=only_if)
    return WrittenAcl(acl=None, changed=True, acl_token=desk.acl_token)


@router.post("/{name}/entries", dependencies=administered(), operation_id="grant")
def grant(
    name: Name,
    body: GrantBody,
    desk: DeskOf,
    only_if: OptionallyIf,
) -> WrittenAcl:
    """Allow or deny somebody an ACL and what inherits from it. It holds for the next query."""
    with desk.changing() as administration:
        state, changed = administration.grant(name, body.entry(body.effect), expected=only_if)
    return _written(desk, state, changed=changed)


@router.delete(
    "/{name}/entries/{effect}/{principal}", dependencies=administered(), operation_id="revoke"
)
def revoke(
    name: Name,
    effect: Effect,
    principal: Annotated[str, Path(max_length=MAX_NAME)],
    desk: DeskOf,
    only_if: OptionallyIf,
) -> WrittenAcl:
    """Take an entry back. It is gone for the next query."""
    with desk.changing() as administration:
        state, changed = administration.revoke(
            name, effect, Principal.parse(principal), expected=only_if
        )
    return _written(desk, state, changed=changed)


def _written(desk: Desk, state: AclState, *, changed: bool) -> WrittenAcl:
    """The reply to a change that has been committed."""
    return WrittenAcl(
        acl=AclModel.of(desk.tagged(state.to_dict())), changed=changed, acl_token=desk.acl_token
    )
