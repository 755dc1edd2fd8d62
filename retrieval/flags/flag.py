"""The vocabulary: which flags there are, what they take, and how people write them.

A flag is written ``read_only``, or with what it is about: ``source:policies``. A flag that is not
set changes nothing, so there is no value that says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from acl import switches
from ingestion.errors import InvalidFlagError
from retrieval.flags.operations import ALWAYS_ON, READING, TOOLS, WRITING
from verifier.policy import TrustPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping

OFF: Final = "off"
ON: Final = "on"
MAX_REASON_CHARS: Final = 500


class FlagName(StrEnum):
    """What can be switched in a tenant."""

    TENANT = "tenant"
    SOURCE = switches.SOURCE
    ROUTE = "route"
    TOOL = "tool"
    READ_ONLY = switches.READ_ONLY
    EXACT_ONLY = "exact_only"
    LEXICAL_ONLY = "lexical_only"
    TRUST_POLICY = "trust_policy"


VALUES: Final[Mapping[FlagName, tuple[str, ...]]] = {
    FlagName.TENANT: (OFF,),
    FlagName.SOURCE: (OFF,),
    FlagName.ROUTE: (OFF,),
    FlagName.TOOL: (OFF,),
    FlagName.READ_ONLY: (ON,),
    FlagName.EXACT_ONLY: (ON,),
    FlagName.LEXICAL_ONLY: (ON,),
    FlagName.TRUST_POLICY: tuple(policy.value for policy in TrustPolicy),
}

MEANINGS: Final[Mapping[FlagName, str]] = {
    FlagName.TENANT: "every credential of the tenant is refused (`tenant_disabled`)",
    FlagName.SOURCE: "its documents count as absent, for everybody; it is still kept up to date",
    FlagName.ROUTE: "the operation is refused (`switched_off`)",
    FlagName.TOOL: "calls of the MCP tool are refused (`switched_off`)",
    FlagName.READ_ONLY: "what writes is refused (`read_only`); questions are answered",
    FlagName.EXACT_ONLY: "every search is exact, however much can be seen: slower, and complete",
    FlagName.LEXICAL_ONLY: "search by words alone (`lexical_only`); the embedder is not asked",
    FlagName.TRUST_POLICY: "used instead of `CLEARANCE_TRUST_POLICY`",
}
_WITH_TARGET: Final = frozenset({FlagName.SOURCE, FlagName.ROUTE, FlagName.TOOL})


@dataclass(frozen=True, slots=True, order=True)
class Flag:
    """What is switched: a name, and of what (empty for the whole tenant)."""

    name: FlagName
    target: str = ""

    def __str__(self) -> str:
        return f"{self.name}:{self.target}" if self.target else self.name.value

    @classmethod
    def parse(cls, text: str) -> Flag:
        """The flag that ``text`` names.

        Raises:
            InvalidFlagError: there is none of that name, or it says too little or too much.
        """
        name, colon, target = text.partition(":")
        if name not in FlagName.__members__.values():
            raise InvalidFlagError(f"flag: there is none of this name; {_there_are()}")
        flag = cls(FlagName(name), target)
        if (flag.name in _WITH_TARGET) != bool(target) or (colon and not target):
            wanted = f"{name}:NAME" if flag.name in _WITH_TARGET else f"{name} alone"
            raise InvalidFlagError(f"flag: write {wanted}")
        flag.check_target()
        return flag

    def check_target(self) -> None:
        """Refuse a route or tool that cannot be switched off.

        Raises:
            InvalidFlagError: there is no such thing, or it must stay on.
        """
        if self.name is FlagName.ROUTE and self.target in ALWAYS_ON:
            raise InvalidFlagError(f"flag: {self.target} stays on, or nobody could switch back")
        known = {FlagName.ROUTE: READING | WRITING, FlagName.TOOL: TOOLS}.get(self.name)
        if known is not None and self.target not in known:
            raise InvalidFlagError(f"flag: {self.name} is one of {', '.join(sorted(known))}")

    def check_value(self, value: str) -> str:
        """``value``, if the flag takes it.

        Raises:
            InvalidFlagError: it does not.
        """
        if value not in VALUES[self.name]:
            raise InvalidFlagError(
                f"value: {self.name} takes {' or '.join(VALUES[self.name])}; "
                "to go back to what is usual, unset it"
            )
        return value


def check_reason(reason: str) -> str:
    """``reason``, if it is one line that fits.

    Raises:
        InvalidFlagError: it does not.
    """
    if len(reason) > MAX_REASON_CHARS or not reason.isprintable():
        raise InvalidFlagError(f"reason: one line of at most {MAX_REASON_CHARS} characters")
    return reason


def _there_are() -> str:
    written = (f"{name}:NAME" if name in _WITH_TARGET else name.value for name in FlagName)
    return f"there are {', '.join(written)}"
