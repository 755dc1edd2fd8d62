"""Erasing in a test: the plan, the deed, and the comments that callers gave before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from acl.errors import SigningKeyError
from ingestion.erasure.certificate import Certificate, erase
from ingestion.erasure.plan import By, Plan, Subject, plan_erasure, plan_unfinished
from retrieval.comments import FeedbackComments
from tests.support.installation import TENANT, Installation
from tests.support.source import Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Mapping

SPECS = (acl("staff", allow("user:ann"), allow("user:bob")),)
SECRET_TEXT = "Zebediah Quixwood was granted a loan of 12345 euros in spring."
SHARED = "A loan needs two signatures, and nobody signs twice."
SHELF = {
    "zeb.md": Shelved(f"# Case\n\n{SECRET_TEXT}", "staff"),
    "rules.md": Shelved(f"# Rules\n\n{SHARED}", "staff"),
    "copy.md": Shelved(f"# Rules\n\n{SHARED}", "staff"),
    "travel.md": Shelved("# Travel\n\nThe allowance abroad is 55 euros a day.", "staff"),
}


def comments_of(world: Installation) -> FeedbackComments:
    """The comments of an installation."""
    return FeedbackComments(world.runtime.audit_database)


def planned(world: Installation, by: By, name: str) -> Plan:
    """What an erasure would remove."""
    context, comments = world.runtime.ingest_context(), comments_of(world)
    return plan_erasure(context, TENANT, Subject(by, name), comments=comments)


def carried_out(world: Installation, plan: Plan, *, signs: bool = True) -> Certificate:
    """Erase what a plan names; without a key to sign with if ``signs`` is False."""

    def sign(claims: Mapping[str, Any]) -> str:
        if not signs:
            raise SigningKeyError("the key is gone")
        return world.runtime.signer.sign(claims, typ="test")

    context, comments = world.runtime.ingest_context(), comments_of(world)
    return erase(context, plan, comments=comments, by="cli:tess", sign=sign)


def erased(world: Installation, by: By, name: str) -> Certificate:
    """Erase at once."""
    return carried_out(world, planned(world, by, name))


def unfinished(world: Installation) -> list[Plan]:
    """The erasures that were interrupted."""
    return plan_unfinished(world.runtime.ingest_context(), TENANT, comments=comments_of(world))
