"""The whole catalogue."""

import sqlalchemy as sa
from alembic import op

import acl.orm

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "acl",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("parent_id", sa.String(), nullable=True),
        sa.Column("inherit", sa.Boolean(), nullable=False),
        sa.Column("managed_by", sa.String(), nullable=True),
        sa.Column("live_chunks", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("live_chunks >= 0", name="ck_acl_live_chunks"),
        sa.ForeignKeyConstraint(
            ["tenant", "parent_id"], ["acl.tenant", "acl.id"], name=op.f("fk_acl_tenant_parent_id")
        ),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_acl")),
    )
    with op.batch_alter_table("acl", schema=None) as batch_op:
        batch_op.create_index("ix_acl_parent", ["tenant", "parent_id"], unique=False)
        batch_op.create_index("uq_acl_name", ["tenant", "name"], unique=True)

    op.create_table(
        "api_key",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=True),
        sa.Column("api_scopes", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("created_at", acl.orm.UtcDateTime(), nullable=False),
        sa.Column("expires_at", acl.orm.UtcDateTime(), nullable=True),
        sa.Column("revoked_at", acl.orm.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "key_id", name=op.f("pk_api_key")),
    )
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.create_index("uq_api_key_key_id", ["key_id"], unique=True)

    op.create_table(
        "embedding",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("sha", sa.String(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "fingerprint", "sha", name=op.f("pk_embedding")),
    )
    op.create_table(
        "evidence_record",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("record_id", sa.String(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("chunk_id", sa.String(), nullable=False),
        sa.Column("document_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("relevance", sa.Double(), nullable=False),
        sa.Column("age_seconds", sa.Integer(), nullable=False),
        sa.Column("freshness", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("findings", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "record_id", "rank", name=op.f("pk_evidence_record")),
    )
    op.create_table(
        "generation",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("embedder", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("dimensions", sa.Integer(), nullable=False),
        sa.Column("chunker", sa.String(), nullable=False),
        sa.Column("sanitiser", sa.String(), nullable=False),
        sa.Column("created_at", acl.orm.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generation")),
    )
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("secret", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", acl.orm.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.create_table(
        "principal",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("principal", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", acl.orm.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "principal", name=op.f("pk_principal")),
    )
    op.create_table(
        "retrieval_record",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("record_id", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("at", acl.orm.UtcDateTime(), nullable=False),
        sa.Column("caller_digest", sa.String(), nullable=False),
        sa.Column("query_digest", sa.String(), nullable=False),
        sa.Column("view", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("reasons", sa.String(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("exactness", sa.String(), nullable=False),
        sa.Column("evidence", sa.Integer(), nullable=False),
        sa.Column("best_relevance", sa.Double(), nullable=True),
        sa.Column("duplicates_collapsed", sa.Integer(), nullable=False),
        sa.Column("conflicts", sa.Integer(), nullable=False),
        sa.Column("evidence_tokens", sa.Integer(), nullable=False),
        sa.Column("latency_ms", sa.Double(), nullable=False),
        sa.Column("generation", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "record_id", name=op.f("pk_retrieval_record")),
    )
    with op.batch_alter_table("retrieval_record", schema=None) as batch_op:
        batch_op.create_index("ix_retrieval_record_at", ["tenant", "at"], unique=False)

    op.create_table(
        "run",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("started_at", acl.orm.UtcDateTime(), nullable=False),
        sa.Column("finished_at", acl.orm.UtcDateTime(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("report", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_run")),
    )
    op.create_table(
        "source",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("config", sa.String(), nullable=False),
        sa.Column("max_age_seconds", sa.Integer(), nullable=True),
        sa.Column("acl_max_age_seconds", sa.Integer(), nullable=True),
        sa.Column("on_stale", sa.String(), nullable=False),
        sa.Column("created_at", acl.orm.UtcDateTime(), nullable=False),
        sa.Column("last_attempt_at", acl.orm.UtcDateTime(), nullable=True),
        sa.Column("last_success_at", acl.orm.UtcDateTime(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "name", name=op.f("pk_source")),
    )
    op.create_table(
        "tenant",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("acl_version", sa.Integer(), nullable=False),
        sa.Column("content_version", sa.Integer(), nullable=False),
        sa.Column("created_at", acl.orm.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_tenant")),
    )
    op.create_table(
        "acl_entry",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("acl_id", sa.String(), nullable=False),
        sa.Column("effect", sa.String(), nullable=False),
        sa.Column("principal", sa.String(), nullable=False),
        sa.Column("expires_at", acl.orm.UtcDateTime(), nullable=True),
        sa.CheckConstraint("effect IN ('allow', 'deny')", name="ck_acl_entry_effect"),
        sa.ForeignKeyConstraint(
            ["tenant", "acl_id"],
            ["acl.tenant", "acl.id"],
            name=op.f("fk_acl_entry_tenant_acl_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "tenant", "acl_id", "effect", "principal", name=op.f("pk_acl_entry")
        ),
    )
    with op.batch_alter_table("acl_entry", schema=None) as batch_op:
        batch_op.create_index("ix_acl_entry_principal", ["tenant", "principal"], unique=False)

    op.create_table(
        "chunk",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("generation", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("acl_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("embedded_sha", sa.String(), nullable=False),
        sa.Column("heading_path", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.CheckConstraint("state IN ('pending', 'live', 'deleting')", name="ck_chunk_state"),
        sa.ForeignKeyConstraint(
            ["tenant", "acl_id"], ["acl.tenant", "acl.id"], name=op.f("fk_chunk_tenant_acl_id")
        ),
        sa.PrimaryKeyConstraint("tenant", "generation", "id", name=op.f("pk_chunk")),
    )
    with op.batch_alter_table("chunk", schema=None) as batch_op:
        batch_op.create_index("ix_chunk_acl", ["tenant", "generation", "acl_id"], unique=False)
        batch_op.create_index(
            "ix_chunk_in_flight",
            ["tenant", "generation", "acl_id"],
            unique=False,
            sqlite_where=sa.text("state <> 'live'"),
            postgresql_where=sa.text("state <> 'live'"),
        )

    op.create_table(
        "document",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("uri", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("acl_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("checked_at", acl.orm.UtcDateTime(), nullable=False),
        sa.Column("modified_at", acl.orm.UtcDateTime(), nullable=True),
        sa.Column("deleted_at", acl.orm.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "acl_id"], ["acl.tenant", "acl.id"], name=op.f("fk_document_tenant_acl_id")
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "source"],
            ["source.tenant", "source.name"],
            name=op.f("fk_document_tenant_source"),
        ),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_document")),
    )
    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.create_index("ix_document_acl", ["tenant", "acl_id"], unique=False)
        batch_op.create_index(
            "uq_document_external_id", ["tenant", "source", "external_id"], unique=True
        )

    op.create_table(
        "membership",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("member", sa.String(), nullable=False),
        sa.Column("grp", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "grp"],
            ["principal.tenant", "principal.principal"],
            name=op.f("fk_membership_tenant_grp"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "member"],
            ["principal.tenant", "principal.principal"],
            name=op.f("fk_membership_tenant_member"),
        ),
        sa.PrimaryKeyConstraint("tenant", "member", "grp", name=op.f("pk_membership")),
    )
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.create_index("ix_membership_grp", ["tenant", "grp"], unique=False)

    op.create_table(
        "document_version",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("document_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("source_sha256", sa.String(), nullable=False),
        sa.Column("text_sha256", sa.String(), nullable=False),
        sa.Column("extraction", sa.LargeBinary(), nullable=False),
        sa.Column("parser", sa.String(), nullable=False),
        sa.Column("sanitiser", sa.String(), nullable=False),
        sa.Column("modified_at", acl.orm.UtcDateTime(), nullable=True),
        sa.Column("recorded_at", acl.orm.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "document_id"],
            ["document.tenant", "document.id"],
            name=op.f("fk_document_version_tenant_document_id"),
        ),
        sa.PrimaryKeyConstraint(
            "tenant", "document_id", "number", name=op.f("pk_document_version")
        ),
    )
    op.create_table(
        "occurrence",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("generation", sa.String(), nullable=False),
        sa.Column("document_id", sa.String(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("chunk_id", sa.String(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=True),
        sa.Column("text_sha256", sa.String(), nullable=False),
        sa.Column("offsets", sa.LargeBinary(), nullable=False),
        sa.Column("findings", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "document_id"],
            ["document.tenant", "document.id"],
            name=op.f("fk_occurrence_tenant_document_id"),
        ),
        sa.PrimaryKeyConstraint(
            "tenant", "generation", "document_id", "ordinal", name=op.f("pk_occurrence")
        ),
    )
    with op.batch_alter_table("occurrence", schema=None) as batch_op:
        batch_op.create_index(
            "ix_occurrence_chunk", ["tenant", "generation", "chunk_id"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("occurrence", schema=None) as batch_op:
        batch_op.drop_index("ix_occurrence_chunk")

    op.drop_table("occurrence")
    op.drop_table("document_version")
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.drop_index("ix_membership_grp")

    op.drop_table("membership")
    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.drop_index("uq_document_external_id")
        batch_op.drop_index("ix_document_acl")

    op.drop_table("document")
    with op.batch_alter_table("chunk", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_chunk_in_flight",
            sqlite_where=sa.text("state <> 'live'"),
            postgresql_where=sa.text("state <> 'live'"),
        )
        batch_op.drop_index("ix_chunk_acl")

    op.drop_table("chunk")
    with op.batch_alter_table("acl_entry", schema=None) as batch_op:
        batch_op.drop_index("ix_acl_entry_principal")

    op.drop_table("acl_entry")
    op.drop_table("tenant")
    op.drop_table("source")
    op.drop_table("run")
    with op.batch_alter_table("retrieval_record", schema=None) as batch_op:
        batch_op.drop_index("ix_retrieval_record_at")

    op.drop_table("retrieval_record")
    op.drop_table("principal")
    op.drop_table("installation")
    op.drop_table("generation")
    op.drop_table("evidence_record")
    op.drop_table("embedding")
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.drop_index("uq_api_key_key_id")

    op.drop_table("api_key")
    with op.batch_alter_table("acl", schema=None) as batch_op:
        batch_op.drop_index("uq_acl_name")
        batch_op.drop_index("ix_acl_parent")

    op.drop_table("acl")
