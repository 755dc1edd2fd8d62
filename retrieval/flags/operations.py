"""Every operation that a flag can reach, by its id, and what a read-only tenant makes of it.

A test holds these sets to the routes and tools that there are. What is not in them is refused in a
read-only tenant if its method writes, so that a route somebody forgot fails closed.
"""

from __future__ import annotations

from typing import Final

ALWAYS_ON: Final = frozenset(
    {"list_flags", "set_flag", "unset_flag", "flag_history", "roll_back_flags", "metrics"}
)
"""Never switched off and never refused: by these one sees what is wrong, and switches back."""

STOPPING: Final = frozenset({"revoke_key", "cancel_index_run"})
"""They write, and go on in a read-only tenant: they only ever take away or end something."""

READING: Final = (
    frozenset(
        {
            "retrieve",
            "get_evidence",
            "list_sources",
            "verify_claims",
            "get_receipt",
            "receipt_status",
            "replay_receipt",
            "exposure",
            "explain",
            "plan_policy",
            "plan_sync",
            "list_acls",
            "get_acl",
            "list_principals",
            "get_principal",
            "list_groups",
            "list_members",
            "get_member",
            "list_keys",
            "list_audit",
            "list_index_runs",
            "get_index_run",
            "read_quality",
        }
    )
    | STOPPING
)
"""They go on in a read-only tenant."""

WRITING: Final = frozenset(
    {
        "put_document",
        "delete_document",
        "push_documents",
        "create_index_run",
        "put_acl",
        "delete_acl",
        "grant",
        "revoke",
        "put_principal",
        "add_member",
        "remove_member",
        "apply_policy",
        "sync_directory",
        "create_key",
        "rotate_key",
        "give_feedback",
    }
)
"""Refused in a read-only tenant."""

TOOLS: Final = frozenset({"retrieve", "get_evidence", "list_sources", "verify_claims"})
"""What agents call over MCP; none of them writes."""
