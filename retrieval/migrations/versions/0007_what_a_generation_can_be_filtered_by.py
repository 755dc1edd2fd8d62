"""What the points of a generation can be filtered by; those built so far, by source alone."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "generation", sa.Column("layout", sa.Integer(), server_default="1", nullable=False)
    )
