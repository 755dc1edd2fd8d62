"""Ingestion in full: near-duplicates, deliveries, runs on request, canaries, erasures."""

import sqlalchemy as sa
from alembic import op

import acl.orm

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_AT = acl.orm.UtcDateTime()


def upgrade() -> None:
    op.create_table(
        "text_signature",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("sha", sa.String(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("crowded", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "sha", name=op.f("pk_text_signature")),
    )
    op.create_table(
        "near_pair",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("first", sa.String(), nullable=False),
        sa.Column("second", sa.String(), nullable=False),
        sa.Column("similarity", sa.Double(), nullable=False),
        sa.Column("differences", sa.String(), nullable=False),
        sa.CheckConstraint("first < second", name="ck_near_pair_order"),
        sa.PrimaryKeyConstraint("tenant", "first", "second", name=op.f("pk_near_pair")),
    )
    op.create_index("ix_near_pair_second", "near_pair", ["tenant", "second"])
    op.create_index("ix_chunk_text", "chunk", ["tenant", "generation", "embedded_sha"])
    op.create_table(
        "delivery",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("document_id", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "document_id", name=op.f("pk_delivery")),
    )
    op.create_table(
        "request",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("route", sa.String(), nullable=False),
        sa.Column("caller", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("reply", sa.String(), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "key", "route", "caller", name=op.f("pk_request")),
    )
    op.create_table(
        "erasure",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("certificate", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_erasure")),
    )
    op.create_table(
        "generation_content",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("generation", sa.String(), nullable=False),
        sa.Column("acl_id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("occurrences", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("occurrences > 0", name="ck_generation_content_occurrences"),
        sa.ForeignKeyConstraint(
            ["tenant", "acl_id"],
            ["acl.tenant", "acl.id"],
            name=op.f("fk_generation_content_tenant_acl_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "tenant", "generation", "acl_id", "source", name=op.f("pk_generation_content")
        ),
    )
    for table, columns in _ADDED.items():
        for name, kind, default in columns:
            op.add_column(
                table,
                sa.Column(name, kind, nullable=default is None, server_default=default),
            )


_ADDED = {
    "generation": (
        ("changed_at", _AT, None),
        ("canary_permille", sa.Integer(), "0"),
        ("gate", sa.String(), None),
        ("spec", sa.String(), None),
        ("served_until", _AT, None),
    ),
    "source": (("cursor", sa.String(), None), ("backlog", sa.Integer(), "0")),
    "document": (("revision", sa.String(), None), ("pending_since", _AT, None)),
    "run": (
        ("requested_by", sa.String(), None),
        ("options", sa.String(), "{}"),
        ("progress", sa.String(), "{}"),
        ("cancelled_at", _AT, None),
    ),
}
