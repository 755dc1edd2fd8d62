"""A condition that a column holds one of some texts, all of which are bound as a single value.

``IN`` with a parameter for each text is written anew for every number of them, and with hundreds
that costs more than looking the rows up. What never lives here: which texts those are.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, Boolean, ColumnElement, String, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.visitors import InternalTraversal
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Dialect
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.sql.type_api import TypeEngine


class _Texts(TypeDecorator["Sequence[str]"]):
    """Texts as one value: an array on PostgreSQL, JSON on SQLite."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        postgresql = dialect.name == "postgresql"
        return dialect.type_descriptor(ARRAY(String) if postgresql else String())

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> Any:
        if value is None:
            raise ValueError("give a list; it may be empty, and then no row matches")
        return list(value) if dialect.name == "postgresql" else json.dumps(value)


class OneOf(ColumnElement[bool]):
    """``column`` holds one of the texts that are bound to ``name`` when the statement runs."""

    inherit_cache = True
    type = Boolean()
    _traverse_internals = [  # noqa: RUF012 - SQLAlchemy's own protocol
        ("column", InternalTraversal.dp_clauseelement),
        ("texts", InternalTraversal.dp_clauseelement),
    ]

    def __init__(self, column: ColumnElement[str], name: str) -> None:
        self.column = column
        self.texts = bindparam(name, type_=_Texts)

    def self_group(self, against: Any = None) -> OneOf:
        """As it is. SQLAlchemy would compare it with 1, and SQLite look no row up by that."""
        del against
        return self


@compiles(OneOf, "sqlite")
def _in_json(one: OneOf, compiler: SQLCompiler, **options: Any) -> str:
    column, texts = (compiler.process(part, **options) for part in (one.column, one.texts))
    return f"{column} IN (SELECT value FROM json_each({texts}))"  # noqa: S608 - compiled above


@compiles(OneOf, "postgresql")
def _any_of(one: OneOf, compiler: SQLCompiler, **options: Any) -> str:
    column, texts = (compiler.process(part, **options) for part in (one.column, one.texts))
    return f"{column} = ANY ({texts})"
