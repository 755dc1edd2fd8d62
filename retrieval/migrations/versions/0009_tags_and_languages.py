"""Tags and languages of documents; those stored so far have none until their source says so."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("document", sa.Column("tags", sa.String(), server_default="[]", nullable=False))
    op.add_column("document", sa.Column("language", sa.String(), nullable=True))
