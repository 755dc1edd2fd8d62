"""Every small change of a module that is worth a test: what to change, and into what.

The changes are those by which access control goes wrong unnoticed: a comparison off by one, an
"and" that should be an "or", a condition dropped from a statement, a filter left out, a line that
is not executed. Messages and annotations are left alone: no decision rests on them.
"""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_COMPARED: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_CALCULATED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Mod: ast.Mult,
}
# Calls whose arguments are conditions or parts of a whole: each can be forgotten.
_JOINED: Final = frozenset({"where", "having", "and_", "or_", "union", "intersection", "AllOf"})
_CHAINED: Final = frozenset({"where", "having"})


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one module.

    Attributes:
        place: the function or class it is in, dotted.
        line: where, as the source stands now; for people alone.
        before: the source of what is changed.
        after: the source of what it becomes.
        tree: the module, changed.
    """

    place: str
    line: int
    before: str
    after: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """What identifies it as long as the line is not rewritten."""
        return f"{self.place}: {self.before} -> {self.after}"


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its source."""
    tree = ast.parse(source)
    for place, path in _paths(tree, "", ()):
        node = _at(tree, path)
        for change in _changes(node):
            changed = copy.deepcopy(tree)
            after = change(_at(changed, path))
            _put(changed, path, after)
            ast.fix_missing_locations(changed)
            yield Mutant(place, getattr(node, "lineno", 0), _text(node), _text(after), changed)


_Path = tuple[tuple[str, int | None], ...]


def _paths(node: ast.AST, place: str, path: _Path) -> Iterator[tuple[str, _Path]]:
    """The path of every node that may be changed, with the place it is in."""
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "type_params", "bases"}:
            continue
        for number, child in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(child, ast.AST) or _left_alone(child):
                continue
            step = (*path, (name, number if isinstance(value, list) else None))
            inner = place
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inner = f"{place}.{child.name}".lstrip(".")
            yield inner, step
            # What is raised is what matters, not its words.
            if not isinstance(child, ast.Raise) and not _is_setting(child):
                yield from _paths(child, inner, step)


def _is_setting(node: ast.AST) -> bool:
    """An argument given by name as a constant: changed with its name, so that it can be told."""
    return isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant)


def _left_alone(node: ast.AST) -> bool:
    """What nothing is decided by: docstrings, imports for types, messages, log lines."""
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.Import() | ast.ImportFrom():
            return True
        case ast.JoinedStr():
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="_log")))):
            return True
    return False


def _changes(node: ast.AST) -> Iterator[Callable[[Any], ast.AST]]:
    """What a node of the tree can become; each change is given a copy of it."""
    if isinstance(node, ast.Constant):
        yield from _of_constants(node)
    elif isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant):
        for change in _of_constants(node.value):
            yield lambda n, change=change: _with(n, value=change(n.value))
    elif isinstance(node, ast.Call):
        yield from _of_calls(node)
    elif isinstance(node, ast.stmt):
        yield from _of_statements(node)
    else:
        yield from _of_conditions(node)


def _of_conditions(node: ast.AST) -> Iterator[Callable[[Any], ast.AST]]:
    match node:
        case ast.Compare(ops=[operator]):
            for other in _COMPARED[type(operator)]:
                yield lambda n, other=other: _with(n, ops=[other()])
        case ast.BoolOp(op=operator, values=values):
            swapped = ast.Or() if isinstance(operator, ast.And) else ast.And()
            yield lambda n: _with(n, op=swapped)
            for number in range(len(values)):
                yield lambda n, number=number: _without_value(n, number)
        case ast.UnaryOp(op=ast.Not() | ast.Invert()):
            yield lambda n: n.operand
        case ast.BinOp(op=operator) if type(operator) in _CALCULATED:
            yield lambda n: _with(n, op=_CALCULATED[type(n.op)]())
        case ast.IfExp(test=test) if not isinstance(test, ast.Compare | ast.UnaryOp):
            yield _turned_round
        case ast.comprehension(ifs=[_, *_]):
            yield lambda n: _with(n, ifs=[])


def _of_constants(node: ast.Constant) -> Iterator[Callable[[Any], ast.AST]]:
    match node.value:
        case bool():
            yield lambda n: _with(n, value=not n.value)
        case int():
            yield lambda n: _with(n, value=n.value + 1)
        case str(text) if text:
            yield lambda n: _with(n, value=f"{n.value}-not")


def _of_calls(node: ast.Call) -> Iterator[Callable[[Any], ast.AST]]:
    if len(node.args) > 1 and _called(node) in _JOINED:
        for number in range(len(node.args)):
            yield lambda n, number=number: _without_argument(n, number)
    if isinstance(node.func, ast.Attribute) and _called(node) in _CHAINED:
        yield lambda n: n.func.value


def _of_statements(node: ast.stmt) -> Iterator[Callable[[Any], ast.AST]]:
    match node:
        case ast.If(test=test) | ast.While(test=test):
            if not isinstance(test, ast.Compare | ast.UnaryOp):  # those are turned where they stand
                yield _turned_round
        case ast.Return(value=value) if value is not None:
            yield lambda _: ast.Return(ast.Constant(None))
        case ast.AugAssign(op=operator):
            if type(operator) in _CALCULATED:
                yield lambda n: _with(n, op=_CALCULATED[type(n.op)]())
            yield lambda _: ast.Pass()
        case ast.Raise() | ast.Expr(value=ast.Call()) | ast.Continue():
            yield lambda _: ast.Pass()


def _turned_round(node: Any) -> ast.AST:
    return _with(node, test=ast.UnaryOp(ast.Not(), node.test))


def _with(node: ast.AST, **fields: object) -> ast.AST:
    for name, value in fields.items():
        setattr(node, name, value)
    return node


def _without_value(node: ast.AST, number: int) -> ast.AST:
    assert isinstance(node, ast.BoolOp)
    left = [value for n, value in enumerate(node.values) if n != number]
    return left[0] if len(left) == 1 else _with(node, values=left)


def _without_argument(node: ast.AST, number: int) -> ast.AST:
    assert isinstance(node, ast.Call)
    return _with(node, args=[value for n, value in enumerate(node.args) if n != number])


def _called(node: ast.AST) -> str:
    match node:
        case ast.Call(func=ast.Attribute(attr=name)) | ast.Call(func=ast.Name(id=name)):
            return name
    return ""


def _text(node: ast.AST) -> str:
    """The source of a node on one line; of a compound statement, its head."""
    if isinstance(node, ast.comprehension):
        conditions = [f"if {ast.unparse(condition)}" for condition in node.ifs]
        return " ".join(["for", ast.unparse(node.target), *conditions])
    if isinstance(node, ast.If | ast.While):
        return f"if {ast.unparse(node.test)}"
    return " ".join(ast.unparse(node).split())


def _at(tree: ast.AST, path: _Path) -> ast.AST:
    for name, number in path:
        value = getattr(tree, name)
        tree = value if number is None else value[number]
    return tree


def _put(tree: ast.AST, path: _Path, node: ast.AST) -> None:
    *rest, (name, number) = path
    parent = _at(tree, tuple(rest))
    if number is None:
        setattr(parent, name, node)
    else:
        getattr(parent, name)[number] = node
