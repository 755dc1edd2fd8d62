"""A join whose left side is visited first, and the right side looked up for each of its rows.

Left to themselves, both engines misjudge how few rows a closure has. SQLite, without statistics,
takes "of this tenant" for a narrow condition and walks through all memberships of a tenant for each
step: a minute where a millisecond is enough. It visits the tables of a CROSS JOIN in the order in
which they are written. PostgreSQL expects thousands and merges the whole of both sides; it does not
look into a LATERAL subquery with an OFFSET, so that must hold every condition of the lookup.
What never lives here: which rows match.
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


@compiles(OrderedJoin, "postgresql")
def _fenced(join: OrderedJoin, compiler: SQLCompiler, **options: Any) -> str:
    left, _, right = _as_usual(join, compiler, **options).rpartition(" JOIN ")
    table, _, condition = right.partition(" ON ")
    name = table.rpartition(" ")[2]
    found = f"SELECT * FROM {table} WHERE {condition} OFFSET 0"  # noqa: S608 - compiled above
    return f"{left} CROSS JOIN LATERAL ({found}) AS {name}"
