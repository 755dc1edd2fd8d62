"""Reading ``.acl.yaml``: who may see a folder, strictly, with the line and field of any mistake.

::

    inherit: true                     # default; false cuts off the folders above
    allow:
      - group:staff
      - {principal: user:ann, expires_at: 2027-01-01T00:00:00Z}
    deny: [group:contractors]
    files:                            # by file name or glob, within this folder only
      "salaries*.csv": {inherit: false, allow: [group:payroll]}

Whatever is not understood is an error: a misspelt ``deny`` that was ignored would be a grant. What
never lives here: finding the file, or deciding what an error means for the documents beneath.
"""

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from acl.errors import InvalidPrincipalError
from acl.principal import Principal
from ingestion.documents import AclEffect, AclEntrySpec
from ingestion.errors import AclFileError

MAX_BYTES = 1_000_000
_RULE_KEYS = ("inherit", "allow", "deny")
_FOLDER_KEYS = (*_RULE_KEYS, "files")
_EFFECTS: tuple[AclEffect, ...] = ("allow", "deny")
_BOOL, _STR = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:str"
_TRUE = frozenset({"true", "yes", "on"})


@dataclass(frozen=True, slots=True)
class FileRule:
    """An override for the files of one folder whose name fits ``pattern``."""

    pattern: str
    inherit: bool
    entries: tuple[AclEntrySpec, ...]


@dataclass(frozen=True, slots=True)
class AclFile:
    """What one ``.acl.yaml`` says."""

    inherit: bool
    entries: tuple[AclEntrySpec, ...]
    files: tuple[FileRule, ...]

    def rule_for(self, name: str) -> FileRule | None:
        """Return the override for a file name: its own name first, else the first glob that fits.

        Case matters, as it does on the file systems that matter.
        """
        for rule in self.files:
            if rule.pattern == name:
                return rule
        return next((rule for rule in self.files if fnmatchcase(name, rule.pattern)), None)


def parse_principal(text: str) -> str:
    """Return ``text`` if it is a well-formed principal.

    Raises:
        InvalidPrincipalError: It is not; the message says why.
    """
    return str(Principal.parse(text))


def parse_acl_file(content: bytes, *, file: str) -> AclFile:
    """Read the content of one ``.acl.yaml``.

    Args:
        content: The file's bytes.
        file: What to call it in messages: its path relative to the source.

    Raises:
        AclFileError: Anything is malformed, unknown, doubled or missing; names line and field.
    """
    return _Reader(file).read(content)


class _Reader:
    """Walks the YAML node tree, which knows lines, rather than the values, which do not."""

    def __init__(self, file: str) -> None:
        self._file = file

    def read(self, content: bytes) -> AclFile:
        root = self._compose(content)
        fields = self._mapping(root, "", _FOLDER_KEYS)
        inherit, entries = self._rule(fields, "")
        files = fields.get("files")
        return AclFile(inherit, entries, self._files(files) if files is not None else ())

    def _compose(self, content: bytes) -> Node:
        if len(content) > MAX_BYTES:
            raise self._error(None, "", f"is larger than {MAX_BYTES} bytes; split the folder")
        try:
            root = yaml.compose(content.decode("utf-8-sig"), Loader=yaml.SafeLoader)
        except UnicodeDecodeError as error:
            raise self._error(None, "", "is not UTF-8; save it as UTF-8") from error
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            problem = getattr(error, "problem", None) or "cannot be read"
            line = None if mark is None else mark.line + 1
            raise AclFileError(
                f"is not valid YAML ({problem}); correct this line", file=self._file, line=line
            ) from error
        except RecursionError as error:
            raise self._error(None, "", "is nested too deeply; flatten it") from error
        if root is None:
            raise self._error(
                None, "", "is empty; write inherit, allow or deny, or remove the file"
            )
        return root

    def _files(self, node: Node) -> tuple[FileRule, ...]:
        rules = []
        for pattern, value in self._mapping(node, "files", None).items():
            field = f"files[{pattern!r}]"
            if not pattern or "/" in pattern or pattern.startswith("."):
                raise self._error(
                    value,
                    field,
                    "must be a file name or glob of this very folder, not a path and not hidden",
                )
            rule = self._rule(self._mapping(value, field, _RULE_KEYS), field)
            rules.append(FileRule(pattern, *rule))
        return tuple(rules)

    def _rule(self, fields: dict[str, Node], field: str) -> tuple[bool, tuple[AclEntrySpec, ...]]:
        inherit = fields.get("inherit")
        entries = [
            entry
            for effect in _EFFECTS
            if effect in fields
            for entry in self._entries(fields[effect], effect, _join(field, effect))
        ]
        return (
            True if inherit is None else self._bool(inherit, _join(field, "inherit")),
            tuple(entries),
        )

    def _entries(self, node: Node, effect: AclEffect, field: str) -> list[AclEntrySpec]:
        if not isinstance(node, SequenceNode):
            raise self._error(node, field, "must be a list of principals, such as [group:staff]")
        return [
            self._entry(value, effect, f"{field}[{index}]")
            for index, value in enumerate(node.value)
        ]

    def _entry(self, node: Node, effect: AclEffect, field: str) -> AclEntrySpec:
        if not isinstance(node, MappingNode):
            return AclEntrySpec(effect, self._principal(node, field))
        fields = self._mapping(node, field, ("principal", "expires_at"))
        if "principal" not in fields:
            raise self._error(node, _join(field, "principal"), "is missing; name who it is for")
        expires = fields.get("expires_at")
        return AclEntrySpec(
            effect,
            self._principal(fields["principal"], _join(field, "principal")),
            None if expires is None else self._instant(expires, _join(field, "expires_at")),
        )

    def _principal(self, node: Node, field: str) -> str:
        try:
            return parse_principal(self._text(node, field))
        except InvalidPrincipalError as error:
            raise self._error(node, field, str(error)) from error

    def _instant(self, node: Node, field: str) -> datetime:
        remedy = "must be a time with its zone, such as 2027-01-01T00:00:00Z"
        if not isinstance(node, ScalarNode):
            raise self._error(node, field, remedy)
        try:
            instant = datetime.fromisoformat(node.value)
        except ValueError as error:
            raise self._error(node, field, remedy) from error
        if instant.tzinfo is None:
            raise self._error(node, field, remedy)
        try:
            return instant.astimezone(UTC)
        except OverflowError as error:
            raise self._error(node, field, remedy) from error

    def _bool(self, node: Node, field: str) -> bool:
        if not isinstance(node, ScalarNode) or node.tag != _BOOL:
            raise self._error(node, field, "must be true or false")
        return node.value.lower() in _TRUE

    def _text(self, node: Node, field: str) -> str:
        if not isinstance(node, ScalarNode) or node.tag != _STR:
            raise self._error(node, field, "must be text; put it in quotes")
        return str(node.value)

    def _mapping(self, node: Node, field: str, known: tuple[str, ...] | None) -> dict[str, Node]:
        """Return a mapping's values by key; unknown and doubled keys are refused."""
        if not isinstance(node, MappingNode):
            keys = ", ".join(known) if known else "file names"
            raise self._error(node, field, f"must be a mapping with the keys {keys}")
        fields: dict[str, Node] = {}
        for key_node, value in node.value:
            key = unicodedata.normalize("NFC", self._text(key_node, _join(field, "key")))
            at = _join(field, key[:80])
            if known is not None and key not in known:
                raise self._error(key_node, at, f"is unknown; the keys are {', '.join(known)}")
            if key in fields:
                raise self._error(key_node, at, "is given twice; merge the two")
            fields[key] = value
        return fields

    def _error(self, node: Node | None, field: str, message: str) -> AclFileError:
        line = None if node is None else node.start_mark.line + 1
        return AclFileError(message, file=self._file, line=line, field=field or None)


def _join(field: str, key: str) -> str:
    return f"{field}.{key}" if field else key
