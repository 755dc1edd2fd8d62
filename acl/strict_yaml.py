"""Reading YAML strictly: whatever is not understood is refused, with its line and its field.

Plain loaders keep the last of two equal keys, follow aliases and guess types; each of these would
make a file about access say something its author did not mean. This one walks the parser's events:
no aliases (so that nothing multiplies), bounded depth (so that nothing overflows), no doubled keys.
JSON is read too, by its own rules. What never lives here: what the fields mean.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode
from yaml.resolver import Resolver

from acl import strict_json
from acl.errors import InvalidPrincipalError
from acl.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    class Refuse(Protocol):
        """Makes the error of whoever reads."""

        def __call__(self, message: str, *, line: int | None, field: str | None) -> Exception:
            """``line`` counts from 1; ``field`` is a dotted path; None for the whole file."""


MAX_DEPTH: Final = 16
_BOOL, _STR = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:str"
_TRUE = frozenset({"true", "yes", "on"})
# The parser of libyaml is twenty times faster and gives the same events. Its *composer* recurses
# without a limit and takes the process down; it is not used.
_RESOLVER: Any = Resolver()
_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class StrictYaml:
    """One file being read; every method takes a node and what to call it in a message.

    Args:
        refuse: makes the error from what is wrong, the line (from 1) and the field.
        max_bytes: a larger file is refused without being parsed.
    """

    def __init__(self, refuse: Refuse, *, max_bytes: int) -> None:
        self._refuse = refuse
        self._max_bytes = max_bytes

    def root(self, content: bytes, *, empty: str) -> Node:
        """The one document in ``content``; ``empty`` is what is wrong if there is none."""
        if len(content) > self._max_bytes:
            raise self.error(None, "", f"is larger than {self._max_bytes} bytes; split it")
        try:
            root = self._compose(yaml.parse(content.decode("utf-8-sig"), Loader=_PARSER))
        except UnicodeDecodeError as error:
            raise self.error(None, "", "is not UTF-8; save it as UTF-8") from error
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            problem = getattr(error, "problem", None) or "cannot be read"
            line = None if mark is None else mark.line + 1
            message = f"is not valid YAML ({problem}); correct this line"
            raise self._refuse(message, line=line, field=None) from error
        if root is None:
            raise self.error(None, "", empty)
        return root

    def json_root(self, content: bytes, *, empty: str) -> Node:
        """The same of a JSON document, which is read as JSON: YAML knows other escapes."""
        if len(content) > self._max_bytes:
            raise self.error(None, "", f"is larger than {self._max_bytes} bytes; split it")
        try:
            value = strict_json.loads(content)
        except ValueError as error:
            raise self.error(None, "", f"is not valid JSON ({error}); correct it") from error
        if not value:
            raise self.error(None, "", empty)
        return self._of_value(value, MAX_DEPTH)

    def _of_value(self, value: object, depth: int) -> Node:
        if not depth:
            raise self.error(None, "", "is nested too deeply; flatten it")
        match value:
            case dict():
                pairs = [
                    (self._of_value(k, 1), self._of_value(v, depth - 1)) for k, v in value.items()
                ]
                return MappingNode("", [node for pair in pairs for node in pair])
            case list():
                return SequenceNode("", [self._of_value(item, depth - 1) for item in value])
            case bool():
                return ScalarNode(_BOOL, str(value).lower())
            case str():
                return ScalarNode(_STR, value)
            case _:
                return ScalarNode("", str(value))  # which no field takes

    def _compose(self, events: Iterator[Any]) -> Node | None:
        """The tree of the only document, made without recursion."""
        root: Node | None = None
        open_nodes: list[CollectionNode] = []
        for event in events:
            if isinstance(event, DocumentStartEvent) and root is not None:
                raise self._at(event, "is a second document; keep one")
            if isinstance(event, CollectionEndEvent):
                open_nodes.pop()
            node = self._node(event)
            if node is None:
                continue
            if open_nodes:
                open_nodes[-1].value.append(node)
            else:
                root = node
            if isinstance(node, CollectionNode):
                open_nodes.append(node)
                if len(open_nodes) > MAX_DEPTH:
                    raise self._at(event, "is nested too deeply; flatten it")
        return root

    def _node(self, event: Any) -> Node | None:
        # The stubs of the library leave out much of what events and nodes carry.
        start: Any = event.start_mark
        tag: Any = getattr(event, "tag", None)
        match event:
            case ScalarEvent():
                if tag is None or tag == "!":
                    tag = _RESOLVER.resolve(ScalarNode, event.value, event.implicit)
                return ScalarNode(tag, event.value, start)
            case MappingStartEvent():
                return MappingNode(tag, [], start)
            case SequenceStartEvent():
                return SequenceNode(tag, [], start)
            case AliasEvent():
                raise self._at(event, f"the alias *{event.anchor} is not followed; write it out")
            case _:
                return None

    def _at(self, event: Any, message: str) -> Exception:
        return self._refuse(message, line=event.start_mark.line + 1, field=None)

    def mapping(self, node: Node, field: str, known: tuple[str, ...]) -> dict[str, Node]:
        """A mapping's values by key; unknown and doubled keys are refused."""
        return {key: value for key, (_, value) in self._items(node, field, known).items()}

    def named(self, node: Node, field: str) -> dict[str, tuple[Node, Node]]:
        """The nodes of key and value of a mapping whose keys are names (NFC); none twice."""
        return self._items(node, field, None)

    def _items(
        self, node: Node, field: str, known: tuple[str, ...] | None
    ) -> dict[str, tuple[Node, Node]]:
        if not isinstance(node, MappingNode):
            keys = f"the keys {', '.join(known)}" if known else "names as keys"
            raise self.error(node, field, f"must be a mapping with {keys}")
        fields: dict[str, tuple[Node, Node]] = {}
        for key_node, value in zip(node.value[::2], node.value[1::2], strict=True):
            key = unicodedata.normalize("NFC", self.text(key_node, join(field, "key")))
            at = join(field, key[:80])
            if known is not None and key not in known:
                raise self.error(key_node, at, f"is unknown; the keys are {', '.join(known)}")
            if key in fields:
                raise self.error(key_node, at, "is given twice; merge the two")
            fields[key] = (key_node, value)
        return fields

    def sequence(self, node: Node, field: str, *, such_as: str) -> list[Node]:
        """A list's items."""
        if not isinstance(node, SequenceNode):
            raise self.error(node, field, f"must be a list, such as {such_as}")
        return list(node.value)

    def principal(self, node: Node, field: str) -> Principal:
        """A principal as it is written everywhere."""
        try:
            return Principal.parse(self.text(node, field))
        except InvalidPrincipalError as error:
            raise self.error(node, field, str(error)) from error

    def admitted(self, node: Node, field: str) -> tuple[Principal, datetime | None]:
        """Who an entry names and until when: ``user:ann``, or ``{principal: …, expires_at: …}``."""
        if not isinstance(node, MappingNode):
            return self.principal(node, field), None
        fields = self.mapping(node, field, ("principal", "expires_at"))
        if "principal" not in fields:
            raise self.error(node, join(field, "principal"), "is missing; name who it is for")
        expires = fields.get("expires_at")
        return (
            self.principal(fields["principal"], join(field, "principal")),
            None if expires is None else self.instant(expires, join(field, "expires_at")),
        )

    def instant(self, node: Node, field: str) -> datetime:
        """An aware instant, in UTC."""
        remedy = "must be a time with its zone, such as 2027-01-01T00:00:00Z"
        if not isinstance(node, ScalarNode):
            raise self.error(node, field, remedy)
        try:
            instant = datetime.fromisoformat(node.value)
        except ValueError as error:
            raise self.error(node, field, remedy) from error
        if instant.tzinfo is None:
            raise self.error(node, field, remedy)
        try:
            return instant.astimezone(UTC)
        except OverflowError as error:
            raise self.error(node, field, remedy) from error

    def boolean(self, node: Node, field: str) -> bool:
        """True or false, and nothing that merely looks like it."""
        if not isinstance(node, ScalarNode) or node.tag != _BOOL:
            raise self.error(node, field, "must be true or false")
        return str(node.value).lower() in _TRUE

    def text(self, node: Node, field: str) -> str:
        """Text; a number or a date must be quoted to be one."""
        if not isinstance(node, ScalarNode) or node.tag != _STR:
            raise self.error(node, field, "must be text; put it in quotes")
        return str(node.value)

    def error(self, node: Node | None, field: str, message: str) -> Exception:
        """The error at ``node``, to be raised."""
        return self._refuse(message, line=line_of(node), field=field or None)


def line_of(node: Node | None) -> int | None:
    """The line of a node, from 1; None where none is known, as in JSON."""
    mark = None if node is None else node.start_mark
    return None if mark is None else mark.line + 1


def join(field: str, key: str) -> str:
    """The dotted path of ``key`` within ``field``."""
    return f"{field}.{key}" if field else key
