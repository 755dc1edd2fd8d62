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

from dataclasses import dataclass
from fnmatch import fnmatchcase

from yaml.nodes import Node

from acl.principal import Principal
from acl.strict_yaml import StrictYaml, join
from ingestion.documents import AclEffect, AclEntrySpec
from ingestion.errors import AclFileError

MAX_BYTES = 1_000_000
_RULE_KEYS = ("inherit", "allow", "deny")
_FOLDER_KEYS = (*_RULE_KEYS, "files")
_EFFECTS: tuple[AclEffect, ...] = ("allow", "deny")


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
    """What the fields of one file mean."""

    def __init__(self, file: str) -> None:
        def refuse(message: str, *, line: int | None, field: str | None) -> AclFileError:
            return AclFileError(message, file=file, line=line, field=field)

        self._yaml = StrictYaml(refuse, max_bytes=MAX_BYTES)

    def read(self, content: bytes) -> AclFile:
        root = self._yaml.root(
            content, empty="is empty; write inherit, allow or deny, or remove the file"
        )
        fields = self._yaml.mapping(root, "", _FOLDER_KEYS)
        inherit, entries = self._rule(fields, "")
        files = fields.get("files")
        return AclFile(inherit, entries, self._files(files) if files is not None else ())

    def _files(self, node: Node) -> tuple[FileRule, ...]:
        rules = []
        for pattern, (_, value) in self._yaml.named(node, "files").items():
            field = f"files[{pattern!r}]"
            if not pattern or "/" in pattern or pattern.startswith("."):
                raise self._yaml.error(
                    value,
                    field,
                    "must be a file name or glob of this very folder, not a path and not hidden",
                )
            rule = self._rule(self._yaml.mapping(value, field, _RULE_KEYS), field)
            rules.append(FileRule(pattern, *rule))
        return tuple(rules)

    def _rule(self, fields: dict[str, Node], field: str) -> tuple[bool, tuple[AclEntrySpec, ...]]:
        inherit = fields.get("inherit")
        entries = [
            entry
            for effect in _EFFECTS
            if effect in fields
            for entry in self._entries(fields[effect], effect, join(field, effect))
        ]
        return (
            True if inherit is None else self._yaml.boolean(inherit, join(field, "inherit")),
            tuple(entries),
        )

    def _entries(self, node: Node, effect: AclEffect, field: str) -> list[AclEntrySpec]:
        items = self._yaml.sequence(node, field, such_as="[group:staff]")
        return [self._entry(item, effect, f"{field}[{i}]") for i, item in enumerate(items)]

    def _entry(self, node: Node, effect: AclEffect, field: str) -> AclEntrySpec:
        principal, expires_at = self._yaml.admitted(node, field)
        return AclEntrySpec(effect, str(principal), expires_at)
