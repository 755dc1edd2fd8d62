"""``clearance keys``: narrowed, replaced, refused, and on record under the operator's account."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from acl.admin.directory import ensure_tenant
from acl.audit.models import AuditRow
from retrieval.cli.app import app
from retrieval.runtime import Runtime
from retrieval.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typer.testing import Result

    Keys = Callable[..., Result]

TENANT = ("-t", "acme")


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keys:
    """``clearance keys`` over an installation with an empty tenant."""
    monkeypatch.setenv("CLEARANCE_EMBEDDER", "hash:64")
    monkeypatch.setenv("CLEARANCE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    with Runtime.open(Settings()) as runtime:
        ensure_tenant(runtime.database, "acme", now=runtime.clock())

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["keys", *arguments])

    return run


def shown(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_key_is_narrowed_by_options_and_listed_so(keys: Keys) -> None:
    narrowed = ("--source", "wiki", "--source", "mail", "--acl", "team", "--purpose", "audit")
    shown(keys("create", "user:ann", *TENANT, *narrowed, "--json"))
    (listed,) = shown(keys("list", *TENANT, "--json"))
    assert listed["narrowing"] == {
        "sources": ["mail", "wiki"],
        "acls": ["team"],
        "purpose": "audit",
    }
    assert "sources mail, wiki; acls team; purpose audit" in keys("list", *TENANT).stdout


def test_a_replaced_key_ends_after_the_overlap_and_the_token_is_alone_on_the_wire(
    keys: Keys,
) -> None:
    old = shown(keys("create", "user:ann", *TENANT, "--json"))["key_id"]
    made = keys("rotate", old, *TENANT, "--overlap", "2h")
    assert made.exit_code == 0
    assert made.stdout.startswith("clr_")
    assert len(made.stdout.splitlines()) == 1
    assert f"replaces {old}, which ends in 2 h" in made.stderr
    listed = {key["key_id"]: key for key in shown(keys("list", *TENANT, "--json"))}
    assert listed[old]["expires_at"] is not None
    assert [key["replaces"] for key in listed.values() if key["key_id"] != old] == [old]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rotate", "0123", *TENANT), "key '0123' does not exist"),
        (("rotate", "clr_a_b", *TENANT), "not the token"),
        (("create", "user:ann", *TENANT, "--purpose", "no purpose"), "purpose"),
        (("create", "user:ann", *TENANT, "--source", ""), "narrowing.sources"),
        (
            ("create", "user:ann", *TENANT, "--actor", "service:bot", "--scope", "acl:admin"),
            "for reading alone",
        ),
        (("create", "user:ann", *TENANT, "--source", "x", "--scope", "ops"), "leave out 'ops'"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    keys: Keys, arguments: tuple[str, ...], words: str
) -> None:
    result = keys(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.count("error: ") == 1
    assert shown(keys("list", *TENANT, "--json")) == []


def test_a_revoked_key_is_not_replaced(keys: Keys) -> None:
    made = shown(keys("create", "user:ann", *TENANT, "--json"))["key_id"]
    assert shown(keys("revoke", made, *TENANT, "--json"))["state"] == "revoked"
    assert f"key '{made}' is revoked" in keys("rotate", made, *TENANT).stderr


def test_what_is_done_is_on_record_under_the_operator_s_account(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "opal")
    made = shown(keys("create", "user:ann", *TENANT, "--json"))["key_id"]
    keys("rotate", made, *TENANT)
    keys("revoke", made, *TENANT)
    with (
        Runtime.open(Settings()) as runtime,
        runtime.database.read("acme") as session,
    ):
        rows = session.scalars(select(AuditRow).order_by(AuditRow.seq)).all()
        told = [(row.kind, json.loads(row.body)["actor"]) for row in rows]
    assert told == [(kind, "cli:opal") for kind in ("key.create", "key.rotate", "key.revoke")]
