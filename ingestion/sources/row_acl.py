"""Who may see one row: reading what the row states, and naming the ACL it thereby stands under.

A row names an ACL of the configuration, or states its own::

    "staff"                                                         # one that the config gives
    {"allow": ["group:staff"], "deny": ["user:eve"]}                # as in an .acl.yaml
    [{"allow": "group:staff", "expires_at": "2027-01-01T00:00:00Z"}, {"deny": "user:eve"}]

Rows with the same permissions share one ACL that is named by what it says, so that a million rows
make as many ACLs as there are different permissions. What is not understood is refused: a misspelt
``deny`` that was passed over would be a grant. What never lives here: deciding who is admitted.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeAlias

from pydantic import AwareDatetime, StringConstraints

from acl import strict_json
from acl.errors import InvalidPrincipalError
from ingestion.documents import AclEffect, AclEntrySpec, AclSpec
from ingestion.errors import RowError
from ingestion.sources.acl_file import parse_principal
from ingestion.sources.kind import KindConfig, PrincipalText

_EFFECTS: Final[tuple[AclEffect, ...]] = ("allow", "deny")
_KNOWN: Final = 10_000
_SHAPE: Final = (
    'must be the name of an ACL in the configuration, {"allow": […], "deny": […]}, or a list of '
    '{"allow": "group:staff"} and {"deny": …}'
)

AclName: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")
]
"""What the configuration may call an ACL; never what an anonymous one is called."""


class EntryConfig(KindConfig):
    """An entry that ends.

    Attributes:
        principal: Whom it names.
        expires_at: Until when.
    """

    principal: PrincipalText
    expires_at: AwareDatetime


class AclConfig(KindConfig):
    """An ACL that rows can name.

    Attributes:
        allow: Whom it admits.
        deny: Whom it refuses.
    """

    allow: tuple[PrincipalText | EntryConfig, ...] = ()
    deny: tuple[PrincipalText | EntryConfig, ...] = ()

    def entries(self) -> tuple[AclEntrySpec, ...]:
        """Its entries, allows first."""
        return tuple(
            AclEntrySpec(effect, entry)
            if isinstance(entry, str)
            else AclEntrySpec(effect, entry.principal, entry.expires_at.astimezone(UTC))
            for effect in _EFFECTS
            for entry in (self.allow if effect == "allow" else self.deny)
        )


class RowAcls:
    """The ACLs under which the rows of one source can stand.

    Args:
        source: its name, which the names of its ACLs carry.
        named: those that rows can name.
        otherwise: that of rows which state none; without entries, such rows are refused.
    """

    def __init__(
        self, source: str, *, named: Mapping[str, AclConfig], otherwise: AclConfig
    ) -> None:
        self._prefix = f"rows:{source}"
        self._known: dict[str, AclSpec] = {}
        self._named = {
            name: AclSpec(f"{self._prefix}:{name}", None, True, acl.entries())
            for name, acl in named.items()
        }
        entries = otherwise.entries()
        self._otherwise = AclSpec(f"{self._prefix}:/", None, True, entries) if entries else None

    def given(self) -> list[AclSpec]:
        """Those that the configuration gives."""
        always = [self._otherwise] if self._otherwise else []
        return [*always, *self._named.values()]

    def read(self, value: object) -> AclSpec:
        """Return the ACL that a row states.

        Args:
            value: as the row has it; text that begins like JSON is read as JSON, since a column
                of a table may hold nothing else.

        Raises:
            RowError: ``acl_missing`` if it states none, ``acl_invalid`` if it cannot be obeyed.
        """
        if isinstance(value, str):
            value = value.strip()
            if value[:1] in {"[", "{"}:
                return self._stated(value, _parsed)
            if value:
                return self._called(value)
        if value is None or value in ("", [], {}):
            return self._default()
        # A value is written the same only if it says the same; most rows repeat what others say.
        return self._stated(repr(value), lambda _: value)

    def _stated(self, written: str, parse: Callable[[str], object]) -> AclSpec:
        """The ACL of what a row states, which is read once however many rows write it so."""
        known = self._known.get(written)
        if known is None:
            known = self._anonymous(parse(written))
            if len(self._known) < _KNOWN:
                self._known[written] = known
        return known

    def _anonymous(self, value: object) -> AclSpec:
        found = sorted(set(_entries(value)), key=_canonical)
        if not found:
            return self._default()
        said = json.dumps([_canonical(entry) for entry in found], separators=(",", ":"))
        digest = hashlib.sha256(said.encode()).hexdigest()[:32]
        return AclSpec(f"{self._prefix}:~{digest}", None, True, tuple(found))

    def _default(self) -> AclSpec:
        if self._otherwise is None:
            raise RowError(
                "acl: states nobody, so the document is not indexed; name who may see it",
                code="acl_missing",
            )
        return self._otherwise

    def _called(self, name: str) -> AclSpec:
        if name not in self._named:
            there_are = ", ".join(self._named) or "none"
            raise RowError(
                f"acl: names {name[:80]!r}, which the configuration does not give (it gives: "
                f"{there_are}); add it under acls",
                code="acl_invalid",
            )
        return self._named[name]


def _parsed(text: str) -> object:
    try:
        return strict_json.loads(text)
    except ValueError as error:
        raise _refused("is not valid JSON; correct it") from error


def _entries(value: object) -> Iterator[AclEntrySpec]:
    """What a row states, entry by entry."""
    if isinstance(value, Mapping):
        fields = _fields(value, "", _EFFECTS)
        for effect in _EFFECTS:
            listed = fields.get(effect)
            if listed is None:
                continue
            if not _is_list(listed):
                raise _refused('must be a list, such as ["group:staff"]', effect)
            for i, entry in enumerate(listed):
                yield _entry(effect, entry, f"{effect}[{i}]")
    elif _is_list(value):
        for i, entry in enumerate(value):  # type: ignore[arg-type]  # _is_list has said so
            fields = _fields(entry, f"[{i}]", (*_EFFECTS, "expires_at"))
            stated = [effect for effect in _EFFECTS if effect in fields]
            if len(stated) != 1:
                raise _refused("must have either allow or deny", f"[{i}]")
            yield _spec(stated[0], fields[stated[0]], fields.get("expires_at"), f"[{i}]")
    else:
        raise _refused(_SHAPE)


def _entry(effect: AclEffect, entry: object, field: str) -> AclEntrySpec:
    if isinstance(entry, str):
        return _spec(effect, entry, None, field)
    fields = _fields(entry, field, ("principal", "expires_at"))
    return _spec(effect, fields.get("principal"), fields.get("expires_at"), field)


def _spec(effect: AclEffect, principal: object, expires: object, field: str) -> AclEntrySpec:
    if not isinstance(principal, str):
        raise _refused("must name a principal, such as group:staff", field)
    try:
        return AclEntrySpec(effect, parse_principal(principal), _instant(expires, field))
    except InvalidPrincipalError as error:
        raise _refused(str(error), field) from error


def _instant(value: object, field: str) -> datetime | None:
    if value is None:
        return None
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else value
        # Nothing is assumed of a time without a zone: a grant that ends hours late is one.
        if isinstance(instant, datetime) and instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _refused("must be a time with its zone, such as 2027-01-01T00:00:00Z", field)


def _fields(value: object, field: str, known: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a mapping; one that is null is absent, as tables have no other way to say."""
    if not isinstance(value, Mapping):
        raise _refused(f"must be an object with {', '.join(known)}", field)
    unknown = [str(key) for key in value if key not in known]
    if unknown:
        raise _refused(f"{unknown[0][:80]!r} is unknown; the keys are {', '.join(known)}", field)
    return {str(key): each for key, each in value.items() if each is not None}


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _canonical(entry: AclEntrySpec) -> tuple[str, str, str]:
    expires = entry.expires_at.isoformat() if entry.expires_at else ""
    return (entry.effect, entry.principal, expires)


def _refused(message: str, field: str = "") -> RowError:
    dot = "." if field[:1].isalpha() else ""
    return RowError(f"acl{dot}{field}: {message}", code="acl_invalid")
