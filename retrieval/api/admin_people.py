"""``/v1/principals`` and ``/v1/groups``: whom a tenant knows, and who is in which group."""

from pydantic import Field, StrictBool

from acl.admin.state import (
    PrincipalState,
    member_state,
    members_after,
    principal_state,
    principals_after,
)
from acl.principal import Principal, PrincipalKind
from retrieval.api.admin_routing import (
    After,
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

principals = admin_router("/v1/principals")
groups = admin_router("/v1/groups")


class PrincipalBody(Strict):
    """What of a principal can be set."""

    enabled: StrictBool = Field(
        description="Switched off, a person sees nothing, and a group admits nobody."
    )


class PrincipalModel(PrincipalBody):
    """A known principal."""

    principal: str
    managed_by: str | None = Field(description="The directory that synchronises it, if one does.")
    groups: list[str] = Field(description="Those it is directly in.")


class PrincipalPage(Strict):
    """Some principals, in the order of their names."""

    principals: list[PrincipalModel]
    next: str | None = Field(description="Send it as `after` for the next page; null at the end.")


class MemberModel(Strict):
    """That somebody is directly in a group."""

    group: str
    member: str
    managed_by: str | None = Field(description="The directory that synchronises it, if one does.")


class MemberPage(Strict):
    """Some direct members of a group, in the order of their names."""

    members: list[MemberModel]
    next: str | None = Field(description="Send it as `after` for the next page; null at the end.")


class WrittenPrincipal(Written):
    """A principal as it is now."""

    principal: PrincipalModel


class WrittenMember(Written):
    """A membership as it is now; null if there is none any more."""

    member: MemberModel | None


def _page(found: list[PrincipalState], limit: int) -> PrincipalPage:
    page = [PrincipalModel.model_validate(state.to_dict()) for state in found[:limit]]
    return PrincipalPage(principals=page, next=page[-1].principal if len(found) > limit else None)


@principals.get("", dependencies=administered("limit", "after"), operation_id="list_principals")
def list_principals(desk: DeskOf, limit: Limit = 100, after: After = None) -> PrincipalPage:
    """Everyone the tenant knows."""
    with desk.reading() as session:
        return _page(principals_after(session, desk.tenant, after, limit + 1), limit)


@principals.get("/{principal}", dependencies=administered(), operation_id="get_principal")
def get_principal(principal: Name, desk: DeskOf) -> PrincipalModel:
    """One principal; its ETag is what a change of it expects."""
    with desk.reading() as session:
        state = principal_state(session, desk.tenant, Principal.parse(principal))
    return PrincipalModel.model_validate(desk.tagged(state.to_dict()))


@principals.put("/{principal}", dependencies=administered(), operation_id="put_principal")
def put_principal(
    principal: Name,
    body: PrincipalBody,
    desk: DeskOf,
    only_if: OnlyIf,
) -> WrittenPrincipal:
    """Make a principal known, or switch it on or off. It holds for the next query."""
    with desk.changing() as administration:
        state, changed = administration.put_principal(
            Principal.parse(principal), enabled=body.enabled, expected=only_if
        )
    return WrittenPrincipal(
        principal=PrincipalModel.model_validate(desk.tagged(state.to_dict())),
        changed=changed,
        acl_token=desk.acl_token,
    )


@groups.get("", dependencies=administered("limit", "after"), operation_id="list_groups")
def list_groups(desk: DeskOf, limit: Limit = 100, after: After = None) -> PrincipalPage:
    """The tenant's groups."""
    with desk.reading() as session:
        found = principals_after(session, desk.tenant, after, limit + 1, kind=PrincipalKind.GROUP)
    return _page(found, limit)


@groups.get(
    "/{group}/members", dependencies=administered("limit", "after"), operation_id="list_members"
)
def list_members(group: Name, desk: DeskOf, limit: Limit = 100, after: After = None) -> MemberPage:
    """The direct members of a group."""
    with desk.reading() as session:
        found = members_after(session, desk.tenant, Principal.parse(group), after, limit + 1)
    page = [MemberModel.model_validate(state.to_dict()) for state in found[:limit]]
    return MemberPage(members=page, next=page[-1].member if len(found) > limit else None)


@groups.get("/{group}/members/{member}", dependencies=administered(), operation_id="get_member")
def get_member(group: Name, member: Name, desk: DeskOf) -> MemberModel:
    """Whether somebody is directly in a group."""
    with desk.reading() as session:
        state = member_state(session, desk.tenant, Principal.parse(group), Principal.parse(member))
    return MemberModel.model_validate(desk.tagged(state.to_dict()))


@groups.put(
    "/{group}/members/{member}",
    dependencies=administered(takes_body=False),
    operation_id="add_member",
)
def add_member(
    group: Name,
    member: Name,
    desk: DeskOf,
    only_if: OptionallyIf,
) -> WrittenMember:
    """Put somebody into a group; both become known. It holds for the next query."""
    with desk.changing() as administration:
        state, changed = administration.add_member(
            Principal.parse(group), Principal.parse(member), expected=only_if
        )
    return WrittenMember(
        member=MemberModel.model_validate(desk.tagged(state.to_dict())),
        changed=changed,
        acl_token=desk.acl_token,
    )


@groups.delete(
    "/{group}/members/{member}", dependencies=administered(), operation_id="remove_member"
)
def remove_member(
    group: Name,
    member: Name,
    desk: DeskOf,
    only_if: OptionallyIf,
) -> WrittenMember:
    """Take somebody out of a group. It holds for the next query."""
    with desk.changing() as administration:
        changed = administration.remove_member(
            Principal.parse(group), Principal.parse(member), expected=only_if
        )
    return WrittenMember(member=None, changed=changed, acl_token=desk.acl_token)
