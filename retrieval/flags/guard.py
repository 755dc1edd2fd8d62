"""Refusing what is switched off, before anything of the request is looked at.

Asked once the caller is established and may use the operation, and before any id it names is looked
up: what is refused here depends on the tenant's flags and on nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingestion.errors import ReadOnlyError, SwitchedOffError
from ingestion.writable import REFUSED
from retrieval.flags.operations import ALWAYS_ON, READING

if TYPE_CHECKING:
    from acl.caller import Caller
    from retrieval.flags.board import FlagBoard


_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def require_operation(board: FlagBoard, caller: Caller, operation: str, *, method: str) -> None:
    """Refuse an HTTP operation that is switched off for the caller's tenant.

    Args:
        board: the flags.
        caller: who asks.
        operation: the route's operation id.
        method: of the request; decides where the operation is not known as reading or writing.

    Raises:
        SwitchedOffError: the route is off.
        ReadOnlyError: the tenant is read-only, and the operation writes.
    """
    if operation in ALWAYS_ON:
        return
    flags = board.now(caller.tenant)
    if operation in flags.routes:
        raise SwitchedOffError("operators have switched this operation off for this tenant")
    if flags.read_only and operation not in READING and method not in _SAFE_METHODS:
        raise ReadOnlyError(REFUSED)


def require_tool(board: FlagBoard, caller: Caller, tool: str) -> None:
    """Refuse an MCP tool that is switched off for the caller's tenant.

    Raises:
        SwitchedOffError: it is.
    """
    if tool in board.now(caller.tenant).tools:
        raise SwitchedOffError("operators have switched this tool off for this tenant")
