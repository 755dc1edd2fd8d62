"""The configuration of a source in a YAML file, read strictly: no key twice, no aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from yaml.constructor import ConstructorError, SafeConstructor
from yaml.nodes import MappingNode, Node, SequenceNode

from acl.strict_yaml import StrictYaml
from retrieval.cli.exits import CommandError

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 1_000_000


def read_config(path: Path) -> dict[str, Any]:
    """The fields of a file.

    Raises:
        CommandError: it cannot be read, or is not a YAML mapping; names line and field.
    """

    def refuse(message: str, *, line: int | None, field: str | None) -> CommandError:
        place = str(path) if line is None else f"{path}:{line}"
        return CommandError(": ".join(part for part in (place, field, message) if part))

    try:
        content = path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path}: cannot be read ({error.strerror})") from error
    yaml = StrictYaml(refuse, max_bytes=MAX_BYTES)
    root = yaml.root(content, empty="is empty; write the fields of the source's kind")
    return {key: _value(yaml, node, key) for key, (_, node) in yaml.named(root, "").items()}


def _value(yaml: StrictYaml, node: Node, field: str) -> Any:
    if isinstance(node, MappingNode):
        named = yaml.named(node, field).items()
        return {key: _value(yaml, value, f"{field}.{key}") for key, (_, value) in named}
    if isinstance(node, SequenceNode):
        items = yaml.sequence(node, field, such_as="[a, b]")
        return [_value(yaml, item, f"{field}[{i}]") for i, item in enumerate(items)]
    try:
        return SafeConstructor().construct_object(node)
    except (ConstructorError, ValueError) as error:
        raise yaml.error(node, field, "is no plain value; put it in quotes") from error
