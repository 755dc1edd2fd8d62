"""What a kind of source is: the configuration it takes, and how a source is opened from it.

A plug-in hands a ``SourceKind`` to the entry-point group ``clearance.sources``; the built-in kinds
are declared the same way, at the end of their modules. What never lives here: any one kind, or a
secret; a configuration is stored and shown, so it names environment variables instead.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from acl.errors import InvalidPrincipalError
from ingestion.documents import AclEffect, AclEntrySpec
from ingestion.errors import SourceError
from ingestion.sources.acl_file import parse_principal
from ingestion.sources.base import Source

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def checked_name(name: str) -> str:
    """Return ``name`` if a source may be called so.

    Raises:
        SourceError: it has anything but letters, digits, dots, dashes and underscores.
    """
    if not _NAME.fullmatch(name):
        raise SourceError(
            f"name: {name[:80]!r} must be letters, digits, dots, dashes or underscores"
        )
    return name


def _checked_principal(text: str) -> str:
    try:
        return parse_principal(text)
    except InvalidPrincipalError as error:
        raise ValueError(str(error)) from error


PrincipalText: TypeAlias = Annotated[str, AfterValidator(_checked_principal)]
"""A principal as it is written everywhere, such as ``group:staff``."""

Variable: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""The name of an environment variable."""


class KindConfig(BaseModel):
    """What every configuration has in common: unknown fields are errors, nothing changes it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


C = TypeVar("C", bound=KindConfig)


@dataclass(frozen=True, slots=True)
class SourceKind(Generic[C]):
    """One kind of source.

    Attributes:
        config: The model of its configuration.
        open: Makes a source from its name and configuration; touches nothing outside yet.
    """

    config: type[C]
    open: Callable[[str, C], Source]

    def validated(self, config: Mapping[str, Any]) -> C:
        """Read a configuration.

        Raises:
            SourceError: a field is unknown, missing or malformed; names it, and never its value.
        """
        try:
            return self.config.model_validate(dict(config))
        except ValidationError as error:
            found = error.errors(include_input=False, include_url=False)
            # A misspelt field is missing too; that it is unknown says more.
            first = min(found, key=lambda one: one["type"] != "extra_forbidden")
            field = ".".join(str(part) for part in ("config", *first["loc"]))
            raise SourceError(f"{field}: {self._what(first['type'], first['msg'])}") from None

    def _what(self, code: str, message: str) -> str:
        if code == "extra_forbidden":
            return f"is unknown; the fields are {', '.join(self.config.model_fields)}"
        if code == "missing":
            return "is missing; give it"
        return message.removeprefix("Value error, ")


def entries(effect: AclEffect, principals: tuple[str, ...]) -> tuple[AclEntrySpec, ...]:
    """One entry for each of some principals, which a configuration has checked already."""
    return tuple(AclEntrySpec(effect, principal) for principal in principals)


def variable(name: str, *, field: str) -> str:
    """Return the value of an environment variable that a configuration names.

    Raises:
        SourceError: it is not set; says which field named it.
    """
    value = os.environ.get(name)
    if not value:
        raise SourceError(f"{field}: the environment variable {name} is not set; set it and retry")
    return value
