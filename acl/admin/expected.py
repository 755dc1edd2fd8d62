"""What a change expects to find (RFC 9110, section 13.1), so that no writer undoes another unseen.

Whoever changes something that exists says which state of it they have seen (``If-Match``), or that
they have seen none (``If-None-Match: *``). It is compared under the lock that orders all writers of
a tenant (:func:`acl.admin.directory.lock_directory`): of two who saw the same state, one is
refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from acl.errors import PreconditionFailedError, PreconditionMissingError

if TYPE_CHECKING:
    from collections.abc import Iterable

ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a change expects.

    Attributes:
        tags: acceptable states, by entity tag; ``*`` for any; None if nothing was said.
        absent: whether it expects that there is none.
        required: whether changing what exists needs ``tags``.
    """

    tags: frozenset[str] | None = None
    absent: bool = False
    required: bool = True

    def check(self, current: str | None) -> None:
        """Refuse the change unless the state is as expected.

        Args:
            current: the entity tag of what is there; None if nothing is.

        Raises:
            PreconditionMissingError: something is there, and the change does not say what it saw.
            PreconditionFailedError: it is not what the change expects.
        """
        if current is None:
            if self.tags is not None:
                raise PreconditionFailedError("If-Match: it does not exist (any more)")
            return
        if self.absent:
            raise PreconditionFailedError("If-None-Match: it exists already; read it first")
        if self.tags is None:
            if self.required:
                raise PreconditionMissingError(
                    "If-Match: it exists; send the ETag of the state you have read"
                )
        elif ANY not in self.tags and current not in self.tags:
            raise PreconditionFailedError(
                "If-Match: it has been changed since; read it again and decide anew"
            )


WHATEVER: Final = Expected(required=False)
"""Of an operator at the command line, and of changes that undo nobody's."""


def expected(
    if_match: Iterable[str], if_none_match: Iterable[str], *, required: bool = True
) -> Expected:
    """Read the two header fields, each as all of its lines.

    Raises:
        PreconditionFailedError: they are malformed, or contradict one another.
    """
    tags = [tag.strip() for line in if_match for tag in line.split(",")]
    absent = [line.strip() for line in if_none_match]
    if absent and absent != [ANY]:
        raise PreconditionFailedError("If-None-Match: only * has a meaning here")
    if absent and tags:
        raise PreconditionFailedError("If-Match: it contradicts If-None-Match; send one of them")
    # A weak tag is never equal in the strong comparison that If-Match asks for.
    return Expected(frozenset(tags) if tags else None, absent=bool(absent), required=required)
