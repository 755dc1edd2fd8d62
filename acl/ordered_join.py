"""A join whose left side is visited first: said to SQLite, which would otherwise guess.

Without statistics SQLite takes "of this tenant" for a narrow condition, and would walk through all
memberships of a tenant for each step of a closure: a minute where a millisecond is enough. It
visits the tables of a CROSS JOIN in the order in which they are written. PostgreSQL keeps
statistics by itself and gets an ordinary join. What never lives here: which rows match.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Join, inspect
from sqlalchemy.ext.compiler import compiles

if TYPE_CHECKING:
    from sqlalchemy import FromClause
    from sqlalchemy.orm.util import AliasedClass
    from sqlalchemy.sql.compiler import SQLCompiler

    from acl.orm import Base


class OrderedJoin(Join):
    """An inner join that begins at its left side."""

    inherit_cache = True


def onwards(left: FromClause, entity: type[Base] | AliasedClass[Any], on: Any) -> OrderedJoin:
    """``left``, then the rows of ``entity`` that match."""
    return OrderedJoin(left, inspect(entity).selectable, on)


@compiles(OrderedJoin)
def _as_usual(join: OrderedJoin, compiler: SQLCompiler, **options: Any) -> str:
    said: str = compiler.visit_join(join, **options)  # type: ignore[no-untyped-call] # has no types
    return said


@compiles(OrderedJoin, "sqlite")
def _in_order(join: OrderedJoin, compiler: SQLCompiler, **options: Any) -> str:
    # The last one is this one: the right side is a table, and nothing is joined in the condition.
    left, _, right = _as_usual(join, compiler, **options).rpartition(" JOIN ")
    return f"{left} CROSS JOIN {right}"
