"""The console's pages put together; what is none of them is one page, for whoever is signed in."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from acl.errors import NotFoundError
from retrieval.console import administration, asking, entrance, operating, switches
from retrieval.console.page import Page
from retrieval.console.session import HOME
from retrieval.console.visit import SignedIn, Visit

router = APIRouter()
for part in (entrance, asking, administration, operating, switches):
    router.include_router(part.router)

_rest = APIRouter(prefix=HOME, route_class=Page, include_in_schema=False)


@_rest.get("/{path:path}")
def nothing_here(path: str, visit: Annotated[Visit, Depends(SignedIn(None))]) -> Response:
    """The page for an address that leads nowhere."""
    del path, visit
    raise NotFoundError("there is no such page")


router.include_router(_rest)
