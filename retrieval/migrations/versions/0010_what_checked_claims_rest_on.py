"""What checked claims rest on: source and generation; of those so far, it is not known."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("check_record", sa.Column("generation", sa.String(), nullable=True))
    op.add_column("claim_record", sa.Column("source", sa.String(), nullable=True))
