"""``/v1/keys``: API keys of the caller's own tenant, for whoever holds ``acl:admin``.

A token is in the reply to the request that made it, and nowhere else ever after. Who may hand out
what is decided in :mod:`acl.identity.key_admin`.
"""

from datetime import timedelta
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import select

from acl.caller import NOT_NARROWED, ApiScope, Caller, Narrowing
from acl.identity import key_admin
from acl.identity.keys import DEFAULT_OVERLAP, KeyState, NewKey, narrowing_of, state_of
from acl.models import ApiKeyRow
from acl.principal import Principal
from retrieval.api.auth import PROBLEMS, Authorised, guarded, runtime_of
from retrieval.api.problems import MEDIA_TYPE
from retrieval.runtime import Runtime

MAX_PAGE = 500
MAX_OVERLAP_SECONDS = 30 * 86_400

router = APIRouter(prefix="/v1/keys", responses=PROBLEMS)

RuntimeOf = Annotated[Runtime, Depends(runtime_of)]
Admin = Annotated[Caller, Depends(Authorised(ApiScope.ACL_ADMIN))]
KeyId = Annotated[str, Path(max_length=64, description="The key's id, as listed.")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("give printable characters alone")
    return text


Label = Annotated[str, StringConstraints(max_length=200), AfterValidator(_printable)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NarrowingBody(_Strict):
    """What a key takes away from the view of whom it speaks for. Each part is optional."""

    sources: list[Name] | None = Field(default=None, description="Only these sources.")
    acls: list[Name] | None = Field(default=None, description="Only these ACLs and those below.")
    purpose: Name | None = Field(default=None, description="Only ACLs that allow this purpose.")

    def narrowing(self) -> Narrowing:
        """As the core knows it."""
        return Narrowing(
            None if self.sources is None else frozenset(self.sources),
            None if self.acls is None else frozenset(self.acls),
            self.purpose,
        )

    @classmethod
    def of(cls, narrowing: Narrowing) -> Self:
        """As clients read it."""
        return cls(
            sources=None if narrowing.sources is None else sorted(narrowing.sources),
            acls=None if narrowing.acls is None else sorted(narrowing.acls),
            purpose=narrowing.purpose,
        )


class KeyRequest(_Strict):
    """A key to be made."""

    subject: str = Field(description="For whom: user:ID or service:ID.")
    actor: str | None = Field(
        default=None, description="The agent that holds it: only what both may see is found."
    )
    scopes: list[ApiScope] = Field(
        default=[ApiScope.RETRIEVE],
        min_length=1,
        description="What it may be used for: at most what the token you send may be used for.",
    )
    narrowing: NarrowingBody | None = None
    label: Label = Field(default="", description="A note to recognise it by, printable.")
    expires_at: AwareDatetime | None = Field(
        default=None, description="From then on it is refused; null for never."
    )


class RotationRequest(_Strict):
    """How a key is to be replaced."""

    overlap_seconds: int = Field(
        default=int(DEFAULT_OVERLAP.total_seconds()),
        ge=0,
        le=MAX_OVERLAP_SECONDS,
        description="For how long the old key stays good beside the new one.",
    )


class MadeKey(_Strict):
    """A key just made. The token cannot be shown again."""

    key_id: str
    token: str = Field(description="Keep it now: only its hash is stored.")


class KeyInfo(_Strict):
    """What is known of a key; its token is not."""

    key_id: str
    subject: str
    actor: str | None
    scopes: list[str]
    narrowing: NarrowingBody | None = Field(description="Null if it takes nothing away.")
    label: str
    state: KeyState
    created_at: AwareDatetime
    expires_at: AwareDatetime | None
    last_used_at: AwareDatetime | None = Field(description="To within some minutes.")
    replaces: str | None = Field(description="The key it was made to replace.")


class KeyPage(_Strict):
    """Some keys, in the order of their ids."""

    keys: list[KeyInfo]
    next: str | None = Field(description="Send it as `after` for the next page; null at the end.")


@router.post(
    "",
    status_code=201,
    dependencies=guarded(ApiScope.ACL_ADMIN),
    operation_id="create_key",
)
def create(body: KeyRequest, caller: Admin, runtime: RuntimeOf) -> MadeKey:
    """Make a key for a user or service of the caller's tenant. The token is shown once."""
    now = runtime.clock()
    if body.expires_at is not None and body.expires_at <= now:
        raise RequestValidationError(
            [{"loc": ("body", "expires_at"), "msg": "this has already passed"}]
        )
    with runtime.database.write(caller.tenant) as session:
        made = key_admin.make(
            session,
            caller.tenant,
            Principal.parse(body.subject),
            issuing=key_admin.Issuing.by(caller),
            api_scopes=frozenset(body.scopes),
            now=now,
            actor=None if body.actor is None else Principal.parse(body.actor),
            label=body.label,
            expires_at=body.expires_at,
            narrowing=NOT_NARROWED if body.narrowing is None else body.narrowing.narrowing(),
        )
    return _made(made)


@router.get(
    "",
    dependencies=guarded(ApiScope.ACL_ADMIN, parameters=("limit", "after")),
    operation_id="list_keys",
)
def list_keys(
    caller: Admin,
    runtime: RuntimeOf,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
    after: Annotated[
        str, Query(pattern=r"^[0-9a-f]{0,16}$", description="The last page's `next`.")
    ] = "",
) -> KeyPage:
    """The keys of the caller's tenant, revoked and expired ones too."""
    now = runtime.clock()
    with runtime.database.read(caller.tenant) as session:
        rows = session.scalars(
            select(ApiKeyRow)
            .where(ApiKeyRow.key_id > after)
            .order_by(ApiKeyRow.key_id)
            .limit(limit + 1)
        ).all()
        page = [_info(row, state_of(row, now=now)) for row in rows[:limit]]
    return KeyPage(keys=page, next=page[-1].key_id if len(rows) > limit else None)


@router.post(
    "/{key_id}/rotate",
    status_code=201,
    dependencies=guarded(ApiScope.ACL_ADMIN),
    operation_id="rotate_key",
    responses={409: {"description": "The key has ended already", "content": {MEDIA_TYPE: {}}}},
)
def rotate(key_id: KeyId, body: RotationRequest, caller: Admin, runtime: RuntimeOf) -> MadeKey:
    """Make a key like this one, which ends after the overlap. The new token is shown once."""
    with runtime.database.write(caller.tenant) as session:
        made = key_admin.rotate(
            session,
            caller.tenant,
            key_id,
            issuing=key_admin.Issuing.by(caller),
            now=runtime.clock(),
            overlap=timedelta(seconds=body.overlap_seconds),
        )
    return _made(made)


@router.delete(
    "/{key_id}",
    status_code=204,
    dependencies=guarded(ApiScope.ACL_ADMIN),
    operation_id="revoke_key",
)
def revoke(key_id: KeyId, caller: Admin, runtime: RuntimeOf) -> Response:
    """Refuse the key from the next request on."""
    with runtime.database.write(caller.tenant) as session:
        issuing = key_admin.Issuing.by(caller)
        key_admin.revoke(session, caller.tenant, key_id, issuing=issuing, now=runtime.clock())
    return Response(status_code=204)


def _made(made: NewKey) -> MadeKey:
    return MadeKey(key_id=made.key_id, token=made.token)


def _info(row: ApiKeyRow, state: KeyState) -> KeyInfo:
    narrowing = NOT_NARROWED if state is KeyState.DAMAGED else narrowing_of(row)
    return KeyInfo(
        key_id=row.key_id,
        subject=row.subject,
        actor=row.actor,
        scopes=row.api_scopes.split(),
        narrowing=None if narrowing == NOT_NARROWED else NarrowingBody.of(narrowing),
        label=row.label,
        state=state,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        replaces=row.replaces,
    )
