"""What an ACL guards, kept in the order of its key, so that looking it up reads one tree."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return  # PostgreSQL keeps rows apart from every key
    op.rename_table("acl_content", "acl_content_by_row")
    op.create_table(
        "acl_content",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("acl_id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("occurrences", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("occurrences > 0", name="ck_acl_content_occurrences"),
        sa.ForeignKeyConstraint(
            ["tenant", "acl_id"],
            ["acl.tenant", "acl.id"],
            name=op.f("fk_acl_content_tenant_acl_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "acl_id", "source", name=op.f("pk_acl_content")),
        sqlite_with_rowid=False,
    )
    columns = "tenant, acl_id, source, occurrences, content_hash"
    op.execute(
        f"INSERT INTO acl_content ({columns}) SELECT {columns} FROM acl_content_by_row "  # noqa: S608
        "ORDER BY tenant, acl_id, source"
    )
    op.drop_table("acl_content_by_row")
