"""Flags of the operator's own tenant: what is switched, since when and by whom, and switching it.

The same functions and the same API scope as ``/v1/flags``. The tenant itself is not switched off
here: whoever did it by a slip would be signed out by it and could not switch back.
"""

import re
from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from fastapi.responses import RedirectResponse, Response

from acl.admin.administration import Administrator
from acl.caller import ApiScope
from acl.errors import AclError
from ingestion.errors import IngestionError, InvalidFlagError
from retrieval.console.page import Page, page, refusal_of
from retrieval.console.session import HOME
from retrieval.console.visit import SignedIn, Visit, opened_by
from retrieval.flags.flag import MAX_REASON_CHARS, MEANINGS, VALUES, Flag, FlagName
from retrieval.flags.switching import Switching, history, set_flags, switching

LATEST: Final = 50
OFFERED: Final = tuple(name for name in FlagName if name is not FlagName.TENANT)
_FIELDS: Final = ("name", "target", "value", "reason")
_SEE_OTHER: Final = 303
_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)

router = APIRouter(prefix=f"{HOME}/flags", route_class=Page, include_in_schema=False)

Operator = Annotated[Visit, Depends(SignedIn(ApiScope.OPS))]


@router.get("", dependencies=opened_by(ApiScope.OPS), operation_id="list_flags")
def show_flags(visit: Operator) -> Response:
    """What is switched, and the latest changes."""
    return _shown(visit)


@router.post("/set", dependencies=opened_by(ApiScope.OPS), operation_id="set_flag")
def set_flag(visit: Operator) -> Response:
    """Set a flag; what is wrong with it is told beside the form."""
    form = visit.sent
    form.require_only(*_FIELDS)
    written = ":".join(part for part in (form.one("name"), form.one("target").strip()) if part)
    value, reason = form.one("value"), form.one("reason").strip()
    return _switched(visit, lambda switch: switch.set(_flag(written), value, reason=reason))


@router.post("/unset", dependencies=opened_by(ApiScope.OPS), operation_id="unset_flag")
def unset_flag(visit: Operator) -> Response:
    """Go back to what is usual."""
    visit.sent.require_only("flag")
    written = visit.sent.one("flag")
    return _switched(visit, lambda switch: switch.unset(_flag(written)))


@router.post("/rollback", dependencies=opened_by(ApiScope.OPS), operation_id="roll_back_flags")
def roll_back_flags(visit: Operator) -> Response:
    """Bring every flag to where it stood before a change."""
    visit.sent.require_only("before_change")
    number = visit.sent.one("before_change")
    before = int(number) if _NUMBER.fullmatch(number) else 0  # there is no change 0
    return _switched(visit, lambda switch: switch.roll_back(before))


def _switched(visit: Visit, change: Callable[[Switching], object]) -> Response:
    """Make one change in a transaction of its own, and show what came of it."""
    runtime, tenant = visit.runtime, visit.caller.tenant
    actor = Administrator.by(visit.caller).actor
    try:
        with switching(runtime.database, tenant, actor, now=runtime.clock()) as switch:
            change(switch)
    except (AclError, IngestionError) as error:
        return _shown(visit, error)
    return RedirectResponse(f"{HOME}/flags", _SEE_OTHER)


def _flag(written: str) -> Flag:
    flag = Flag.parse(written)
    if flag.name not in OFFERED:
        raise InvalidFlagError("flag: the tenant itself is switched with 'clearance flags'")
    return flag


def _shown(visit: Visit, error: Exception | None = None) -> Response:
    problem = None if error is None else refusal_of(visit.request, error).problem
    with visit.runtime.database.read(visit.caller.tenant) as session:
        flags = set_flags(session, visit.caller.tenant)
        changes = history(session, visit.caller.tenant, limit=LATEST)
    return page(
        visit,
        "flags.html",
        status=200 if problem is None else problem.status,
        flags=flags,
        changes=changes,
        problem=problem,
        names=OFFERED,
        meanings=MEANINGS,
        values=list(dict.fromkeys(value for name in OFFERED for value in VALUES[name])),
        asked={name: visit.sent.one(name) for name in _FIELDS},
        max_reason=MAX_REASON_CHARS,
    )
