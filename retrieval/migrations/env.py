"""Alembic's entry point: runs the migrations on the connection that the caller holds."""

from alembic import context
from sqlalchemy import text

import acl.audit.models
import acl.models  # noqa: F401 - registers its tables
import ingestion.models
import ingestion.records  # noqa: F401 - registers its tables
import retrieval.flags.rows
import retrieval.records  # noqa: F401 - registers its tables
from acl.orm import Base

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('clearance schema', 0))")
_AS_LONG_AS_IT_TAKES = text("SET LOCAL statement_timeout = 0")
# A table is altered alone, and whoever comes after waits behind the one who waits to alter it. So
# that wait is short, and an upgrade that finds a table in use tries again later, from the start.
_BUT_HOLD_UP_NOBODY = text("SET LOCAL lock_timeout = '2s'")

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
)
if connection.dialect.name == "postgresql":
    # Whoever comes second waits, and then finds the schema as the first left it. On SQLite the
    # transaction has begun IMMEDIATE, which does the same.
    connection.execute(_AS_LONG_AS_IT_TAKES)
    connection.execute(_ONE_AT_A_TIME)
    connection.execute(_BUT_HOLD_UP_NOBODY)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
