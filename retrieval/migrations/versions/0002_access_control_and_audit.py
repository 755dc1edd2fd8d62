"""Access control in full: narrowing, purposes, ACL freshness, audit, receipts.

What an ACL guards is kept by source from here on; the hashes are counted anew from what is stored.
"""

from collections import defaultdict

import sqlalchemy as sa
from alembic import op

import acl.orm
from acl.digest import MODULUS, keyed

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_AT = acl.orm.UtcDateTime()


def upgrade() -> None:
    op.create_table(
        "acl_purpose",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("acl_id", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "acl_id"],
            ["acl.tenant", "acl.id"],
            name=op.f("fk_acl_purpose_tenant_acl_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "acl_id", "purpose", name=op.f("pk_acl_purpose")),
    )
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
    )
    op.create_table(
        "acl_sync",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("max_age_seconds", sa.Integer(), nullable=False),
        sa.Column("checked_at", _AT, nullable=True),
        sa.Column("closes_at", _AT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name", name=op.f("pk_acl_sync")),
    )
    for table in ("principal", "membership"):
        op.add_column(table, sa.Column("managed_by", sa.String(), nullable=True))
    # With the member in it, it answers who is below a group by itself. Without, SQLite prefers
    # another index, and walks all memberships of the tenant.
    op.drop_index("ix_membership_grp", table_name="membership")
    op.create_index("ix_membership_grp", "membership", ["tenant", "grp", "member"])
    # With all that resolution reads in them, so that it reads nothing else.
    op.drop_index("ix_acl_parent", table_name="acl")
    op.create_index("ix_acl_parent", "acl", ["tenant", "parent_id", "inherit", "id"])
    op.drop_index("ix_acl_entry_principal", table_name="acl_entry")
    op.create_index(
        "ix_acl_entry_principal",
        "acl_entry",
        ["tenant", "principal", "effect", "acl_id", "expires_at"],
    )
    for name, kind in (("last_used_at", _AT), ("replaces", sa.String())):
        op.add_column("api_key", sa.Column(name, kind, nullable=True))
    op.add_column(
        "api_key", sa.Column("narrowing", sa.String(), nullable=False, server_default="{}")
    )
    _count_content(op.get_bind())
    # Native on both engines; a batch would make the table anew and take its foreign keys along.
    op.execute("ALTER TABLE acl DROP COLUMN content_hash")
    op.execute("ALTER TABLE source DROP COLUMN acl_max_age_seconds")
    _create_audit()
    _create_receipts()


def _create_audit() -> None:
    op.create_table(
        "audit_log",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("previous", sa.LargeBinary(length=32), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "stream", "seq", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_at", "audit_log", ["tenant", "at"])
    op.create_table(
        "audit_head",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kept_from", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "stream", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "audit_checkpoint",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("jws", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "stream", "seq", name=op.f("pk_audit_checkpoint")),
    )


def _create_receipts() -> None:
    op.create_table(
        "receipt",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("receipt_id", sa.String(), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("actors", sa.String(), nullable=False),
        sa.Column("asserted", sa.String(), nullable=True),
        sa.Column("jws", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "receipt_id", name=op.f("pk_receipt")),
    )
    op.create_index("ix_receipt_at", "receipt", ["tenant", "at"])
    op.create_table(
        "exposure",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("document_id", sa.String(), nullable=False),
        sa.Column("receipt_id", sa.String(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("chunk_id", sa.String(), nullable=False),
        sa.Column("acl_id", sa.String(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("text_sha256", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant", "document_id", "receipt_id", "rank", name=op.f("pk_exposure")
        ),
    )
    op.create_index("ix_exposure_receipt", "exposure", ["tenant", "receipt_id"])
    op.create_table(
        "feedback",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("target_id", sa.String(), nullable=False),
        sa.Column("caller_digest", sa.String(), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("useful", sa.Boolean(), nullable=False),
        sa.Column("comment", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint(
            "tenant", "about", "target_id", "caller_digest", name=op.f("pk_feedback")
        ),
    )
    op.create_index("ix_feedback_at", "feedback", ["tenant", "at"])


_STANDING = sa.text(
    "SELECT o.tenant, c.acl_id, d.source, o.chunk_id, o.document_id, o.version, "
    'o.start, o."end", d.title, d.uri '
    "FROM occurrence o "
    "JOIN generation g ON g.id = o.generation AND g.state = 'active' "
    "JOIN chunk c ON c.tenant = o.tenant AND c.generation = o.generation AND c.id = o.chunk_id "
    "JOIN document d ON d.tenant = o.tenant AND d.id = o.document_id"
)


def _count_content(connection: sa.Connection) -> None:
    """Sum the hashes of what stands under each ACL, source by source."""
    secret = connection.execute(sa.text("SELECT secret FROM installation")).scalar()
    if secret is None:
        return  # nothing was ever stored
    counts: dict[tuple[str, str, str], int] = defaultdict(int)
    sums: dict[tuple[str, str, str], int] = defaultdict(int)
    for row in connection.execute(_STANDING):
        where = (row.tenant, row.acl_id, row.source)
        item = keyed(
            bytes(secret),
            "occurrence",
            row.chunk_id,
            row.document_id,
            row.version,
            row.start,
            row.end,
            f"{row.title}\0{row.uri}",
        )
        counts[where] += 1
        sums[where] += int.from_bytes(item, "big")
    insert = sa.text(
        "INSERT INTO acl_content (tenant, acl_id, source, occurrences, content_hash) "
        "VALUES (:tenant, :acl_id, :source, :occurrences, :hash)"
    )
    for where, count in counts.items():
        values = dict(zip(("tenant", "acl_id", "source"), where, strict=True))
        value = (sums[where] % MODULUS).to_bytes(32, "big")
        connection.execute(insert, {**values, "occurrences": count, "hash": value})
