"""Alembic's entry point: runs the migrations on the connection that the caller holds."""

from alembic import context

import acl.audit_models
import acl.models  # noqa: F401 - registers its tables
import ingestion.models  # noqa: F401 - registers its tables
import retrieval.records  # noqa: F401 - registers its tables
from acl.orm import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
