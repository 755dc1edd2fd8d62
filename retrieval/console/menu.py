"""The pages there are, and which of them a token opens: by the API scopes of REST, no others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from acl.caller import ApiScope
from retrieval.console.session import HOME

if TYPE_CHECKING:
    from acl.caller import Caller


@dataclass(frozen=True, slots=True)
class Item:
    """A page in the menu, and the API scope it asks for."""

    name: str
    path: str
    scope: ApiScope
    summary: str


MENU: Final = (
    Item("Ask", f"{HOME}/ask", ApiScope.RETRIEVE, "Ask a question and see the evidence."),
    Item("Sources", f"{HOME}/sources", ApiScope.RETRIEVE, "How current each source is."),
    Item("Access", f"{HOME}/access", ApiScope.ACL_ADMIN, "Why somebody sees something, or not."),
    Item("Exposure", f"{HOME}/exposure", ApiScope.AUDIT, "Who was shown a document, and when."),
    Item("Runs", f"{HOME}/runs", ApiScope.INGEST, "What runs of the sources came to."),
    Item("Flags", f"{HOME}/flags", ApiScope.OPS, "What is switched in the tenant."),
    Item("Operations", f"{HOME}/operations", ApiScope.OPS, "How the service itself stands."),
)


def items_for(caller: Caller) -> tuple[Item, ...]:
    """The pages a caller's token opens."""
    return tuple(item for item in MENU if item.scope in caller.api_scopes)
