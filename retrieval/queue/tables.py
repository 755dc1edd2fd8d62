"""Where the queue's tables stand: in a schema of their own, named after the library's version.

The library has no migrations of its own to run, and needs none: what is queued can be said again.
So a new version begins with new tables, and while replicas are replaced one by one, each version's
workers hear of every run. The tables of former versions hold nothing that is needed; drop their
schemas at leisure. What never lives here: anything that is not also in the catalogue.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import psycopg
from procrastinate.schema import SchemaManager
from psycopg import sql
from sqlalchemy import make_url

from acl.postgres import patience

if TYPE_CHECKING:
    from acl.postgres import Connections

SCHEMA: Final = f"clearance_queue_{version('procrastinate').replace('.', '_')}"
_ONE_MAKER: Final = 20261123


def address(url: str) -> str:
    """The catalogue's URL as PostgreSQL's own library reads it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def parameters(connections: Connections) -> dict[str, Any]:
    """How each connection of the queue is made: it sees the queue's tables, and no others."""
    return {
        **patience(connections),  # a host that vanished is noticed, also by whoever only listens
        "options": f"-c search_path={SCHEMA}",
        "application_name": "clearance queue",
    }


def make(url: str, connections: Connections) -> None:
    """Make the tables unless they are there; of several who try, one does."""
    known = sql.SQL("SELECT to_regnamespace({})").format(sql.Literal(SCHEMA))
    with psycopg.connect(address(url), **parameters(connections)) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_ONE_MAKER])
        row = connection.execute(known).fetchone()
        if row is not None and row[0] is None:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(SCHEMA)))
            connection.execute(SchemaManager.get_schema())
