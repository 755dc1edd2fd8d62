"""One real reply of each operation, kept as its example: ``python -m tests.schema.recorded``.

The requests are made in order on a small world, so that there is something to show. What differs
from run to run stays as it was recorded; secrets are cut short. A test holds the kept examples to
the schemas of the document, and every operation to having one.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import requests
import structlog

import retrieval.api.openapi
from tests.schema.world import target
from tests.support.catalogue import SqliteBlank

if TYPE_CHECKING:
    from tests.schema.world import Target

KEPT: Final = Path(retrieval.api.openapi.__file__).with_name("examples.json")

_DOCUMENT: Final = {"text": "The canteen opens at noon.", "acl": {"allow": ["group:staff"]}}
_POLICY: Final = {"acls": {"club": {"allow": ["group:staff"]}}}
_USERS: Final = {"users": [{"id": "kim"}], "groups": [{"id": "club", "members": ["user:kim"]}]}
_QUESTION: Final = {"query": "What is the per diem for trips abroad?", "limit": 1}

# Operation, method, path with names of the world in it, body. In this order.
_ASKED: Final[tuple[tuple[str, str, str, Any], ...]] = (
    ("livez", "GET", "/livez", None),
    ("readyz", "GET", "/readyz", None),
    ("jwks", "GET", "/.well-known/jwks.json", None),
    ("retrieve", "POST", "/v1/retrieve", _QUESTION),
    ("get_evidence", "GET", "/v1/evidence/{chunk_id}", None),
    ("list_sources", "GET", "/v1/sources", None),
    (
        "verify_claims",
        "POST",
        "/v1/verify",
        {
            "claims": [
                {
                    "text": "The per diem for trips abroad is 55 euros.",
                    "citations": [{"chunk_id": "{chunk_id}", "quote": "55 euros"}],
                }
            ]
        },
    ),
    ("give_feedback", "POST", "/v1/feedback", {"chunk_id": "{chunk_id}", "useful": True}),
    ("get_receipt", "GET", "/v1/receipts/{receipt_id}", None),
    ("receipt_status", "GET", "/v1/receipts/{receipt_id}/status", None),
    ("replay_receipt", "GET", "/v1/receipts/{receipt_id}/replay", None),
    ("exposure", "GET", "/v1/exposure/{document_id}?limit=1", None),
    ("create_key", "POST", "/v1/keys", {"subject": "user:ann", "label": "ann's assistant"}),
    ("list_keys", "GET", "/v1/keys?limit=1", None),
    ("rotate_key", "POST", "/v1/keys/{key_id}/rotate", {}),
    ("put_acl", "PUT", "/v1/acls/archive", {"allow": [{"principal": "group:staff"}]}),
    ("get_acl", "GET", "/v1/acls/archive", None),
    ("list_acls", "GET", "/v1/acls?limit=1", None),
    ("grant", "POST", "/v1/acls/archive/entries", {"effect": "deny", "principal": "user:bob"}),
    ("revoke", "DELETE", "/v1/acls/archive/entries/deny/user:bob", None),
    ("delete_acl", "DELETE", "/v1/acls/archive", None),
    ("put_principal", "PUT", "/v1/principals/user:joe", {"enabled": True}),
    ("get_principal", "GET", "/v1/principals/user:joe", None),
    ("list_principals", "GET", "/v1/principals?limit=1", None),
    ("list_groups", "GET", "/v1/groups?limit=1", None),
    ("add_member", "PUT", "/v1/groups/group:staff/members/user:joe", None),
    ("get_member", "GET", "/v1/groups/group:staff/members/user:joe", None),
    ("list_members", "GET", "/v1/groups/group:staff/members?limit=1", None),
    ("remove_member", "DELETE", "/v1/groups/group:staff/members/user:joe", None),
    ("plan_policy", "POST", "/v1/policy:plan", _POLICY),
    ("apply_policy", "POST", "/v1/policy:apply", _POLICY),
    ("plan_sync", "POST", "/v1/directory/okta:plan", _USERS),
    ("sync_directory", "POST", "/v1/directory/okta:sync", _USERS),
    ("explain", "POST", "/v1/explain", {"principal": "user:bob", "acl": "staff"}),
    ("list_audit", "GET", "/v1/audit?limit=1", None),
    ("put_document", "PUT", "/v1/sources/feed/documents/menu.md", _DOCUMENT),
    ("push_documents", "POST", "/v1/sources/feed/documents:batch", {"id": "menu.md", **_DOCUMENT}),
    ("delete_document", "DELETE", "/v1/sources/feed/documents/menu.md", None),
    ("create_index_run", "POST", "/v1/index-runs", {"source": "handbook"}),
    ("list_index_runs", "GET", "/v1/index-runs?limit=1", None),
    ("get_index_run", "GET", "/v1/index-runs/{run_id}", None),
    ("cancel_index_run", "POST", "/v1/index-runs/{run_id}:cancel", None),
    ("read_quality", "GET", "/v1/quality/retrievals?limit=1", None),
    ("set_flag", "PUT", "/v1/flags/read_only", {"value": "on"}),
    ("list_flags", "GET", "/v1/flags", None),
    ("flag_history", "GET", "/v1/flags/history?limit=1", None),
    ("unset_flag", "DELETE", "/v1/flags/read_only", None),
    ("roll_back_flags", "POST", "/v1/flags/rollback", {"before_change": 1}),
    ("metrics", "GET", "/metrics", None),
)
_AS_LINES: Final = "push_documents"
_METADATA: Final = {
    "resource": "https://clearance.example/mcp",
    "resource_name": "Clearance",
    "authorization_servers": ["https://login.example/realms/bank"],
    "scopes_supported": ["retrieve", "verify"],
    "bearer_methods_supported": ["header"],
}
_METRICS: Final = 'clearance_answers_total{status="ok",surface="http"} 1.0\n'
_KEY: Final = re.compile(r"clr_[0-9a-f]{16}_\w+")


def record(world: Target) -> dict[str, dict[str, Any]]:
    """The replies, by operation and status.

    Raises:
        AssertionError: a request is refused.
    """
    names = dict(world.known)
    kept: dict[str, dict[str, Any]] = {"mcp_resource_metadata": {"200": _METADATA}}
    for operation, method, path, body in _ASKED:
        reply = requests.request(
            method,
            world.url + _filled(path, names),
            data=None if body is None else _filled(json.dumps(body), names),
            headers={
                **world.headers,
                "Content-Type": _media_type(operation),
                **({"If-Match": "*"} if operation == "delete_acl" else {}),
            },
            timeout=30,
        )
        assert reply.ok, (operation, reply.status_code, reply.text)
        told = _METRICS if operation == "metrics" else _told(reply)
        if operation == "create_index_run":
            names["run_id"] = told["id"]
        kept[operation] = {str(reply.status_code): told}
    return kept


def _media_type(operation: str) -> str:
    return "application/x-ndjson" if operation == _AS_LINES else "application/json"


def _told(reply: requests.Response) -> Any:
    if "ndjson" in reply.headers["content-type"]:
        return reply.text
    return _cut(reply.json())


def _cut(value: Any) -> Any:
    """A reply without what is secret, or too long to show."""
    if isinstance(value, dict):
        return {name: _cut(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_cut(one) for one in value[:2]]
    if isinstance(value, str):
        value = _KEY.sub("clr_…", value)
        return value if len(value) < 200 else f"{value[:16]}…"
    return value


def _filled(text: str, names: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda hole: names.get(hole[1], hole[0]), text)


def main() -> None:
    """Record them anew."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with tempfile.TemporaryDirectory() as folder:
        blank = SqliteBlank.make(Path(folder) / "blank.sqlite")
        with target(blank, Path(folder) / "world") as world:
            kept = record(world)
    text = json.dumps(kept, indent=1, ensure_ascii=False)
    KEPT.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
