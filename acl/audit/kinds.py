"""The audit's vocabulary: its chains, what can happen, and what it is exported as.

Nothing but names, so that whoever only names something loads no database.
"""

from __future__ import annotations

from enum import StrEnum


class Stream(StrEnum):
    """The two chains of a tenant."""

    ACCESS = "access"
    ADMINISTRATION = "administration"


class EventKind(StrEnum):
    """What can happen; the part before the dot says to what."""

    QUERY = "query"
    EVIDENCE = "evidence"
    VERIFY = "verify"
    WITHDRAWN = "withdrawn"
    DENIAL = "denial"
    AUDIT_READ = "audit.read"
    QUALITY_READ = "quality.read"
    AUDIT_RETENTION = "audit.retention"
    QUALITY_RETENTION = "quality.retention"
    ACL_PUT = "acl.put"
    ACL_DELETE = "acl.delete"
    ACL_GRANT = "acl.grant"
    ACL_REVOKE = "acl.revoke"
    ACL_APPLY = "acl.apply"
    ACL_SYNC = "acl.sync"
    MEMBER_ADD = "member.add"
    MEMBER_REMOVE = "member.remove"
    PRINCIPAL_ENABLE = "principal.enable"
    PRINCIPAL_DISABLE = "principal.disable"
    TENANT_ENABLE = "tenant.enable"
    TENANT_DISABLE = "tenant.disable"
    DIRECTORY_SYNC = "directory.sync"
    KEY_CREATE = "key.create"
    KEY_ROTATE = "key.rotate"
    KEY_REVOKE = "key.revoke"
    RECEIPT_KEY_ROTATE = "receipt.key_rotate"
    GENERATION_PROMOTE = "generation.promote"
    GENERATION_ROLLBACK = "generation.rollback"
    GENERATION_CANARY = "generation.canary"
    GENERATION_RETIRE = "generation.retire"
    FLAG_SET = "flag.set"
    FLAG_UNSET = "flag.unset"
    ERASURE = "erasure"


class Format(StrEnum):
    """What a file is written as."""

    JSONL = "jsonl"
    PARQUET = "parquet"
