"""Policy files: groups and ACLs as one YAML (or JSON) document, read strictly and written back.

::

    prune: false                      # true: also remove ACLs and empty groups not listed here
    groups:
      group:staff: [user:ann, group:managers]
    acls:
      handbook:
        allow: [group:staff]
      handbook/payroll:
        parent: handbook
        inherit: false                # default true
        purposes: [payroll]           # refuse tokens issued for another purpose
        allow:
          - {principal: group:payroll, expires_at: 2030-01-01T00:00:00Z}
        deny: [user:bob]

What is listed is, after applying, exactly as listed; what is not listed stays as it is, unless
``prune`` says otherwise. What never lives here: the catalogue.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from unicodedata import normalize

import yaml

from acl.admin.directory import check_member
from acl.admin.state import AclState
from acl.entries import AclEntry, Effect, check_name, check_purpose
from acl.errors import InvalidAclError, InvalidPrincipalError, PolicyFileError
from acl.principal import Principal, PrincipalKind
from acl.strict_yaml import StrictYaml, join, line_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from yaml.nodes import Node

MAX_BYTES: Final = 8 * 1024 * 1024
_KEYS = ("prune", "groups", "acls")
_ACL_KEYS = ("parent", "inherit", "purposes", "allow", "deny")


@dataclass(frozen=True, slots=True)
class Policy:
    """What a file says of a tenant's groups and ACLs.

    Attributes:
        groups: the direct members of each group.
        acls: each ACL as it is to be, by name, in the order of the file.
        prune: whether what is not listed is to go.
        file: what the file is called in messages.
        lines: where each ACL stands in it, to say where a conflict with the catalogue lies.
    """

    groups: Mapping[Principal, frozenset[Principal]]
    acls: Mapping[str, AclState]
    prune: bool = False
    file: str = "policy"
    lines: Mapping[str, int] | None = None

    def refuse(self, name: str, message: str, *, key: str = "") -> PolicyFileError:
        """The error about one ACL of the file, to be raised."""
        line = (self.lines or {}).get(name)
        field = join(acl_field(name), key) if key else acl_field(name)
        return PolicyFileError(message, file=self.file, line=line, field=field)


def acl_field(name: str) -> str:
    """How messages name an ACL of the file."""
    return f"acls[{name[:80]!r}]"


def read_policy(content: bytes, *, file: str, json: bool = False) -> Policy:
    """Read a policy file.

    Args:
        content: in UTF-8, :data:`MAX_BYTES` at most.
        file: what to call it in messages.
        json: whether it is JSON; YAML otherwise.

    Raises:
        PolicyFileError: anything is malformed, unknown, doubled or missing, or the parents of the
            ACLs listed form a cycle; it names line, field and remedy.
    """
    return _Reader(file).read(content, json=json)


class _Reader:
    """What the fields of one file mean."""

    def __init__(self, file: str) -> None:
        def refuse(message: str, *, line: int | None, field: str | None) -> PolicyFileError:
            return PolicyFileError(message, file=file, line=line, field=field)

        self._file = file
        self._yaml = StrictYaml(refuse, max_bytes=MAX_BYTES)

    def read(self, content: bytes, *, json: bool) -> Policy:
        parse = self._yaml.json_root if json else self._yaml.root
        root = parse(content, empty="is empty; write groups, acls or both")
        fields = self._yaml.mapping(root, "", _KEYS)
        prune = fields.get("prune")
        groups = self._named(fields, "groups")
        acls = self._named(fields, "acls")
        policy = Policy(
            groups=dict(self._group(name, key, node) for name, (key, node) in groups.items()),
            acls={name: self._acl(name, key, node) for name, (key, node) in acls.items()},
            prune=prune is not None and self._yaml.boolean(prune, "prune"),
            file=self._file,
            lines={name: line for name, (key, _) in acls.items() if (line := line_of(key))},
        )
        parents_first(policy, {})
        return policy

    def _named(self, fields: dict[str, Node], key: str) -> dict[str, tuple[Node, Node]]:
        return self._yaml.named(fields[key], key) if key in fields else {}

    @contextmanager
    def _at(self, node: Node, field: str) -> Iterator[None]:
        """What is wrong with a value is told with its place."""
        try:
            yield
        except (InvalidAclError, InvalidPrincipalError) as error:
            raise self._yaml.error(node, field, str(error)) from error

    def _group(self, name: str, key: Node, node: Node) -> tuple[Principal, frozenset[Principal]]:
        field = f"groups[{name[:80]!r}]"
        with self._at(key, field):
            group = Principal.parse(name)
        if group.kind is not PrincipalKind.GROUP:
            raise self._yaml.error(key, field, "is no group; write group:ID")
        members: set[Principal] = set()
        items = self._yaml.sequence(node, field, such_as="[user:ann, group:staff]")
        for index, item in enumerate(items):
            at = f"{field}[{index}]"
            member = self._yaml.principal(item, at)
            with self._at(item, at):
                check_member(group, member)
            if member in members:
                raise self._yaml.error(item, at, f"{member} is listed twice; remove one")
            members.add(member)
        return group, frozenset(members)

    def _acl(self, name: str, key: Node, node: Node) -> AclState:
        field = acl_field(name)
        with self._at(key, field):
            check_name(name, field="the name")
        fields = self._yaml.mapping(node, field, _ACL_KEYS)
        inherit = fields.get("inherit")
        return AclState(
            name=name,
            parent=self._parent(fields.get("parent"), join(field, "parent")),
            inherit=inherit is None or self._yaml.boolean(inherit, join(field, "inherit")),
            purposes=self._purposes(fields.get("purposes"), join(field, "purposes")),
            entries=frozenset(
                entry
                for effect in Effect
                for entry in self._entries(fields.get(effect), effect, join(field, effect))
            ),
        )

    def _parent(self, node: Node | None, field: str) -> str | None:
        return None if node is None else normalize("NFC", self._yaml.text(node, field))

    def _purposes(self, node: Node | None, field: str) -> frozenset[str]:
        found: set[str] = set()
        items = [] if node is None else self._yaml.sequence(node, field, such_as="[payroll]")
        for index, item in enumerate(items):
            at = f"{field}[{index}]"
            purpose = self._yaml.text(item, at)
            with self._at(item, at):
                check_purpose(purpose)
            if purpose in found:
                raise self._yaml.error(item, at, "is listed twice; remove one")
            found.add(purpose)
        return frozenset(found)

    def _entries(self, node: Node | None, effect: Effect, field: str) -> list[AclEntry]:
        found: dict[Principal, AclEntry] = {}
        items = [] if node is None else self._yaml.sequence(node, field, such_as="[group:staff]")
        for index, item in enumerate(items):
            at = f"{field}[{index}]"
            entry = AclEntry(effect, *self._yaml.admitted(item, at))
            if entry.principal in found:
                raise self._yaml.error(item, at, f"{entry.principal} is listed twice; remove one")
            found[entry.principal] = entry
        return list(found.values())


def parents_first(policy: Policy, other_parents: Mapping[str, str | None]) -> list[str]:
    """The names of the policy's ACLs, parents first.

    Args:
        policy: the file.
        other_parents: the parents of ACLs that it does not list.

    Raises:
        PolicyFileError: the parents form a cycle; it is named.
    """
    ordered: dict[str, None] = {}
    for name in policy.acls:
        path: dict[str, None] = {}
        at: str | None = name
        while at is not None and at not in ordered:
            if at in path:
                cycle = [*list(path)[list(path).index(at) :], at]
                raise policy.refuse(
                    name,
                    f"the parents form a cycle: {' → '.join(cycle)}; take one of them out",
                    key="parent",
                )
            path[at] = None
            at = policy.acls[at].parent if at in policy.acls else other_parents.get(at)
        ordered.update(dict.fromkeys(reversed(path)))
    return [name for name in ordered if name in policy.acls]


def write_policy(policy: Policy) -> str:
    """The policy as YAML that :func:`read_policy` reads as the same."""
    groups = {
        str(group): sorted(str(member) for member in policy.groups[group])
        for group in sorted(policy.groups)
    }
    acls = {name: _acl_fields(policy.acls[name]) for name in sorted(policy.acls)}
    return yaml.dump(
        {"prune": policy.prune, "groups": groups, "acls": acls},
        Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper),
        sort_keys=False,
        allow_unicode=True,
        width=100,
    )


def _acl_fields(state: AclState) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if state.parent is not None:
        fields["parent"] = state.parent
    if not state.inherit:
        fields["inherit"] = False
    if state.purposes:
        fields["purposes"] = sorted(state.purposes)
    for effect in Effect:
        entries = [
            str(entry.principal)
            if entry.expires_at is None
            else {"principal": str(entry.principal), "expires_at": entry.expires_at.isoformat()}
            for entry in state.of(effect)
        ]
        if entries:
            fields[effect.value] = entries
    return fields
