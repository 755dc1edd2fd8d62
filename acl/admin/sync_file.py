"""A listing of a directory, as an identity provider can export it, read strictly.

One JSON (or YAML) document, or JSON lines (one object a line, each with ``kind``)::

    {"users": [{"id": "ann", "active": true, "groups": ["staff"]}],
     "services": [{"id": "bot"}],
     "groups": [{"id": "staff", "members": ["user:ann", "group:managers"]}]}

    {"kind": "user", "id": "ann", "groups": ["staff"]}
    {"kind": "group", "id": "staff", "members": ["service:bot"]}

A kind that is not mentioned at all is not synchronised: a listing of users says nothing of groups.
What never lives here: the catalogue.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from acl import strict_json
from acl.admin.directory import check_member
from acl.errors import InvalidAclError, InvalidPrincipalError, PolicyFileError
from acl.principal import Principal, PrincipalKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_BYTES: Final = 64 * 1024 * 1024
_KINDS: Final = {
    "users": PrincipalKind.USER,
    "services": PrincipalKind.SERVICE,
    "groups": PrincipalKind.GROUP,
}
_FIELDS: Final = {
    PrincipalKind.USER: {"id", "active", "groups"},
    PrincipalKind.SERVICE: {"id", "active", "groups"},
    PrincipalKind.GROUP: {"id", "members"},
}


@dataclass(slots=True)
class Listing:
    """What a directory says.

    Attributes:
        kinds: of what it speaks at all.
        memberships: whether it speaks of memberships at all.
        active: every principal listed, and whether it is active (groups always are).
        edges: (group, member).
    """

    kinds: set[PrincipalKind] = field(default_factory=set)
    memberships: bool = False
    active: dict[Principal, bool] = field(default_factory=dict)
    edges: set[tuple[Principal, Principal]] = field(default_factory=set)


def read_listing(content: bytes, *, file: str) -> Listing:
    """Read a listing.

    Args:
        content: JSON or JSON lines, in UTF-8, :data:`MAX_BYTES` at most.
        file: what to call it in messages.

    Raises:
        PolicyFileError: anything is malformed, unknown, doubled or missing; names line or field.
    """
    return _Reader(file).read(content)


class _Reader:
    def __init__(self, file: str) -> None:
        self._file = file
        self._listing = Listing()

    def read(self, content: bytes) -> Listing:
        if len(content) > MAX_BYTES:
            raise self._error(f"is larger than {MAX_BYTES} bytes; split it by kind")
        lines = [line for line in content.splitlines() if line.strip()]
        first = self._parse(lines[0], 1, strict=False) if lines else None
        if isinstance(first, dict) and "kind" in first:
            self._lines(content)
        else:
            self._document(self._parse(content, None))
        return self._listing

    def _document(self, root: object) -> None:
        if not isinstance(root, dict) or not root.keys() <= _KINDS.keys() or not root:
            raise self._error(f"must be an object with {', '.join(_KINDS)} and nothing else")
        for key, items in root.items():
            if not isinstance(items, list):
                raise self._error("must be a list of objects", at=key)
            kind = _KINDS[key]
            self._speaks_of(kind)
            for index, item in enumerate(items):
                self._take(kind, item, f"{key}[{index}]", None)

    def _lines(self, content: bytes) -> None:
        kinds = {str(kind): kind for kind in _KINDS.values()}
        for number, line in enumerate(content.splitlines(), start=1):
            if not line.strip():
                continue
            item = self._parse(line, number)
            if not isinstance(item, dict) or item.get("kind") not in kinds:
                raise self._error(f"must be one of {', '.join(kinds)}", at="kind", line=number)
            kind = kinds[item.pop("kind")]
            self._speaks_of(kind)
            self._take(kind, item, "", number)

    def _speaks_of(self, kind: PrincipalKind) -> None:
        self._listing.kinds.add(kind)
        self._listing.memberships |= kind is PrincipalKind.GROUP

    def _parse(self, text: bytes, line: int | None, *, strict: bool = True) -> object:
        try:
            return strict_json.loads(text)
        except ValueError as error:
            if not strict:
                return None
            raise self._error(f"is not valid JSON ({error}); correct it", line=line) from error

    def _take(self, kind: PrincipalKind, item: object, at: str, line: int | None) -> None:
        if not isinstance(item, dict):
            raise self._error("must be an object", at=at, line=line)
        unknown = sorted(item.keys() - _FIELDS[kind])
        if unknown:
            known = ", ".join(sorted(_FIELDS[kind]))
            raise self._error(
                f"is unknown; the keys are {known}", at=_in(at, unknown[0]), line=line
            )
        principal = self._principal(kind, item.get("id"), _in(at, "id"), line)
        if principal in self._listing.active:
            raise self._error(f"{principal} is listed twice; merge the two", at=at, line=line)
        active = item.get("active", True)
        if not isinstance(active, bool):
            raise self._error("must be true or false", at=_in(at, "active"), line=line)
        self._listing.active[principal] = active
        if kind is PrincipalKind.GROUP:
            for spot, name in self._names(item, "members", at, line):
                self._edge(principal, self._parsed(name, spot, line), spot, line)
        elif "groups" in item:
            self._listing.memberships = True
            for spot, name in self._names(item, "groups", at, line):
                group = self._principal(PrincipalKind.GROUP, name, spot, line)
                self._edge(group, principal, spot, line)

    def _names(
        self, item: Mapping[str, object], key: str, at: str, line: int | None
    ) -> Iterator[tuple[str, str]]:
        names = item.get(key, [])
        if not isinstance(names, list):
            raise self._error("must be a list", at=_in(at, key), line=line)
        for index, name in enumerate(names):
            spot = f"{_in(at, key)}[{index}]"
            if not isinstance(name, str):
                raise self._error("must be text", at=spot, line=line)
            yield spot, name

    def _edge(self, group: Principal, member: Principal, at: str, line: int | None) -> None:
        with self._at(at, line):
            check_member(group, member)
        self._listing.edges.add((group, member))

    def _principal(
        self, kind: PrincipalKind, ident: object, at: str, line: int | None
    ) -> Principal:
        if not isinstance(ident, str):
            raise self._error("must be text", at=at, line=line)
        with self._at(at, line):
            return Principal(kind, ident)

    def _parsed(self, name: str, at: str, line: int | None) -> Principal:
        with self._at(at, line):
            return Principal.parse(name)

    @contextmanager
    def _at(self, at: str, line: int | None) -> Iterator[None]:
        try:
            yield
        except (InvalidAclError, InvalidPrincipalError) as error:
            raise self._error(str(error), at=at, line=line) from error

    def _error(self, message: str, *, at: str = "", line: int | None = None) -> PolicyFileError:
        return PolicyFileError(message, file=self._file, line=line, field=at or None)


def _in(at: str, key: str) -> str:
    return f"{at}.{key}"[:120] if at else key[:80]
