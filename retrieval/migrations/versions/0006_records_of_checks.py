"""What came of checks of claims, for analysts."""

import sqlalchemy as sa
from alembic import op

import acl.orm

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

OUTCOMES = (
    "quoted",
    "unquoted",
    "altered",
    "stitched",
    "misplaced",
    "misquoted",
    "unverifiable",
    "not_found",
)


def upgrade() -> None:
    op.create_table(
        "check_record",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("record_id", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("at", acl.orm.UtcDateTime(), nullable=False),
        sa.Column("caller_digest", sa.String(), nullable=False),
        sa.Column("view", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("recall", sa.Double(), nullable=True),
        sa.Column("precision", sa.Double(), nullable=True),
        sa.Column("latency_ms", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "record_id", name=op.f("pk_check_record")),
    )
    op.create_index("ix_check_record_at", "check_record", ["tenant", "at"], unique=False)
    op.create_table(
        "claim_record",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("record_id", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("contradiction", sa.Double(), nullable=False),
        sa.Column("reasons", sa.String(), nullable=False),
        sa.Column("differs_in", sa.String(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in OUTCOMES),
        sa.PrimaryKeyConstraint("tenant", "record_id", "place", name=op.f("pk_claim_record")),
    )
