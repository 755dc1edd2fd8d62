"""Each command's own behaviour, and what it says when asked for something it cannot do."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from retrieval.cli.app import app
from retrieval.runtime import Runtime
from retrieval.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from typer.testing import Result

    Run = Callable[..., Result]


@pytest.fixture(autouse=True, scope="module")
def environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEARANCE_EMBEDDER", "hash:64")
        patch.setenv("COLUMNS", "200")
        patch.delenv("CLEARANCE_TOKEN", raising=False)
        yield


def runner(data_dir: Path) -> Run:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["--data-dir", str(data_dir), *arguments])

    return run


def folder_in(home: Path) -> Path:
    folder = home / "docs"
    folder.mkdir()
    (folder / "travel.md").write_text("# Travel\n\nThe per diem abroad is 55 euros a day.\n")
    return folder


def installed(run: Run, docs: Path) -> Run:
    for arguments in (
        ("ingest", str(docs), "-t", "acme", "--allow", "group:staff"),
        ("acl", "add-member", "group:staff", "user:ann", "-t", "acme"),
    ):
        result = run(*arguments)
        assert result.exit_code == 0, result.output
    return run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The command line over a data directory of its own."""
    return runner(tmp_path / "data")


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    return folder_in(tmp_path)


@pytest.fixture
def acme(run: Run, docs: Path) -> Run:
    """An installation of its own, for tests that change it."""
    return installed(run, docs)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One installation for all the tests that change nothing."""
    home = tmp_path_factory.mktemp("shared")
    return installed(runner(home / "data"), folder_in(home))


def shown(run: Run, *arguments: str) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def evidence(run: Run, who: str = "user:ann", *more: str) -> list[Any]:
    return list(
        shown(run, "query", "per diem abroad", "-t", "acme", "--as", who, *more)["evidence"]
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("query", "x", "-t", "nope", "--as", "user:ann"), "tenant 'nope' does not exist"),
        (("query", "x", "-t", "acme", "--as", "ann"), "write user:ID"),
        (("query", "x", "-t", "acme", "--as", "group:staff"), "only a user or a service"),
        (("query", "x", "-t", "acme", "--as", "everyone"), "only a user or a service"),
        (("query", "x", "-t", "acme", "--as", "user:"), "the id is empty"),
        (("query", "x", "-t", "acme", "--as", "user:*"), "wildcard"),
        (("query", "x", "-t", "acme", "--as", "user:ann "), "blank or invisible"),
        (("query", "x", "-t", "acme", "--as", "user:a", "--actor", "group:g"), "actor"),
        (("query", "", "-t", "acme", "--as", "user:ann"), "query: "),
        (("query", "a\x1b[31m", "-t", "acme", "--as", "user:ann"), "control character"),
        (("query", "x", "-n", "0", "-t", "acme", "--as", "user:ann"), "limit: "),
        (("status", "-t", "nope"), "there are: acme"),
        (("sources", "list", "-t", "nope"), "tenant 'nope' does not exist"),
        (("sources", "set", "nope", "-t", "acme", "--max-age", "1d"), "source 'nope'"),
        (("sources", "set", "docs", "-t", "acme"), "nothing to change"),
        (("acl", "show", "nope", "-t", "acme"), "acl 'nope' does not exist"),
        (("acl", "grant", "nope", "user:ann", "-t", "acme"), "acl 'nope' does not exist"),
        (("acl", "grant", "folder:docs:/", "ann", "-t", "acme"), "write user:ID"),
        (("acl", "members", "group:nope", "-t", "acme"), "no such group"),
        (("acl", "members", "user:ann", "-t", "acme"), "no such group"),
        (("acl", "add-member", "user:ann", "user:bob", "-t", "acme"), "only a group has members"),
        (("acl", "add-member", "group:staff", "everyone", "-t", "acme"), "cannot join a group"),
        (("keys", "create", "user:ann", "-t", "nope"), "tenant 'nope' does not exist"),
        (("keys", "create", "group:staff", "-t", "acme"), "only a user or a service"),
        (("keys", "revoke", "0123", "-t", "acme"), "key '0123' does not exist"),
        (("keys", "revoke", "clr_a_b", "-t", "acme"), "not the token"),
        (("reindex", "--source", "nope"), "no such source"),
        (("reindex", "--full", "-t", "acme"), "leave --tenant/--source out"),
        (("reindex", "--workers", "2"), "--engine ray"),
        (("mcp",), "CLEARANCE_TOKEN is not set"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    shared: Run, arguments: tuple[str, ...], words: str
) -> None:
    result = shared(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert "\x1b" not in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("ingest", "/nowhere/at/all", "-t", "acme"),
        ("ingest", ".", "-t", "acme", "--max-age", "7x"),
        ("ingest", ".", "-t", "acme", "--max-age", "0d"),
        ("ingest", "."),
        ("keys", "create", "user:ann", "-t", "acme", "--expires", "2001-01-01"),
        ("keys", "create", "user:ann", "-t", "acme", "--expires", "soon"),
        ("keys", "create", "user:ann", "-t", "acme", "--scope", "everything"),
        ("sources", "set", "docs", "-t", "acme", "--on-stale", "hide"),
        ("sources", "set", "docs", "-t", "acme", "--max-age", "old"),
        ("status", "--fail-on", "blue"),
        ("query", "x", "-t", "acme"),
        ("nonsense",),
    ],
)
def test_wrong_usage_is_exit_code_2_without_a_traceback(
    run: Run, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert "rror" in result.stderr
    assert not (tmp_path / "data" / "catalogue.sqlite").exists()


@pytest.mark.parametrize(
    "command",
    [
        ("query", "per diem abroad", "--tenant", "acme", "--as", "user:ann"),
        ("query", "per diem abroad", "--tenant", "acme", "--as", "user:nobody"),
        ("status",),
        ("sources", "list", "--tenant", "acme"),
        ("sources", "set", "docs", "--tenant", "acme", "--on-stale", "flag"),
        ("acl", "list", "--tenant", "acme"),
        ("acl", "show", "folder:docs:/", "--tenant", "acme"),
        ("acl", "members", "group:staff", "--tenant", "acme"),
        ("acl", "principals", "--tenant", "acme"),
        ("acl", "add-member", "group:staff", "user:ann", "--tenant", "acme"),
        ("acl", "remove-member", "group:staff", "user:zoe", "--tenant", "acme"),
        ("keys", "create", "user:zoe", "--tenant", "acme"),
        ("keys", "list", "--tenant", "acme"),
        ("doctor",),
        ("db", "upgrade"),
        ("reindex",),
    ],
    ids=" ".join,
)
def test_json_is_alone_on_standard_output(shared: Run, command: tuple[str, ...]) -> None:
    result = shared(*command, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) is not None
    assert result.stdout.isascii()


@pytest.mark.parametrize("principal", ["staff", "group:", "user:a b", "everybody"])
def test_a_malformed_grant_stops_an_ingest_before_anything_is_written(
    run: Run, docs: Path, principal: str
) -> None:
    result = run("ingest", str(docs), "-t", "acme", "--allow", principal)
    assert result.exit_code == 2
    assert "error: " in result.stderr
    assert shown(run, "status")["tenants"] == []


def test_a_malformed_setting_names_the_variable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARANCE_PORT", "many")
    result = run("status")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: CLEARANCE_PORT: ")


def test_a_damaged_catalogue_is_one_line_with_a_remedy(run: Run, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "catalogue.sqlite").write_bytes(b"this is no database" * 100)
    result = run("status")
    assert result.exit_code == 2
    assert "clearance doctor" in result.stderr
    checks = {check["name"]: check for check in json.loads(run("doctor", "--json").stdout)}
    assert checks["catalogue"]["passed"] is False
    assert checks["catalogue"]["remedy"]


def test_documents_without_an_acl_are_reported_and_the_remedy_is_named(
    run: Run, docs: Path
) -> None:
    result = run("ingest", str(docs), "-t", "acme")
    assert result.exit_code == 3
    assert "acl_missing" in result.stdout
    assert "--allow group:NAME" in result.stderr


def test_a_dry_run_writes_nothing_at_all(run: Run, docs: Path) -> None:
    report = shown(run, "ingest", str(docs), "-t", "acme", "--allow", "group:staff", "--dry-run")
    assert (report["dry_run"], report["added"]) == (True, 1)
    assert shown(run, "status")["tenants"] == []


def test_reindex_repeats_what_ingest_was_told(acme: Run, docs: Path) -> None:
    (docs / "hotels.md").write_text("# Hotels\n\nHotels up to 140 euros need no approval.\n")
    runs = shown(acme, "reindex")["runs"]
    assert [(run["added"], run["unchanged"], run["failed"]) for run in runs] == [(1, 1, 0)]
    assert len(evidence(acme)) >= 1


def test_reindex_goes_on_after_a_source_whose_folder_is_gone(
    acme: Run, docs: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.md").write_text("Some text of its own.\n")
    assert acme("ingest", str(other), "-t", "acme", "--allow", "everyone").exit_code == 0
    docs.rename(tmp_path / "moved")
    result = acme("reindex", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 3
    assert [error["source"] for error in found["errors"]] == ["docs"]
    assert [run["source"] for run in found["runs"]] == ["other"]
    assert evidence(acme), "a folder that is not there deletes nothing"


def test_reindex_full_rebuilds_and_the_answers_stay(acme: Run) -> None:
    before = evidence(acme)
    assert shown(acme, "reindex", "--full")["generation"]
    after = evidence(acme)
    assert [piece["text"] for piece in after] == [piece["text"] for piece in before]


def test_a_grant_and_its_revocation_hold_for_the_next_query(acme: Run) -> None:
    acl = ("folder:docs:/", "user:bob", "-t", "acme")
    assert evidence(acme, "user:bob") == []
    assert shown(acme, "acl", "grant", *acl) == {"changed": True}
    assert evidence(acme, "user:bob")
    assert shown(acme, "acl", "grant", *acl) == {"changed": False}
    assert shown(acme, "acl", "grant", *acl, "--deny") == {"changed": True}
    assert evidence(acme, "user:bob") == []
    assert shown(acme, "acl", "revoke", *acl, "--deny") == {"changed": True}
    assert evidence(acme, "user:bob")
    assert shown(acme, "acl", "revoke", *acl) == {"changed": True}
    assert evidence(acme, "user:bob") == []
    assert shown(acme, "acl", "revoke", *acl) == {"changed": False}


def test_a_change_to_a_sources_own_acl_says_that_it_will_not_last(acme: Run) -> None:
    result = acme("acl", "grant", "folder:docs:/", "user:bob", "-t", "acme")
    assert "source docs keeps this ACL" in result.stderr


def test_an_actor_narrows_what_the_subject_may_see(acme: Run) -> None:
    assert evidence(acme, "user:ann", "--actor", "service:bot") == []
    acme("acl", "add-member", "group:staff", "service:bot", "-t", "acme")
    assert evidence(acme, "user:ann", "--actor", "service:bot")


def test_members_and_principals_are_listed(shared: Run) -> None:
    assert shown(shared, "acl", "members", "group:staff", "-t", "acme") == ["user:ann"]
    principals = {p["principal"]: p for p in shown(shared, "acl", "principals", "-t", "acme")}
    assert principals["user:ann"]["groups"] == ["group:staff"]
    assert shown(shared, "acl", "show", "folder:docs:/", "-t", "acme")[0]["entries"] == [
        {"effect": "allow", "principal": "group:staff", "expires_at": None}
    ]


def test_a_key_lives_until_it_is_revoked(acme: Run) -> None:
    made = shown(
        acme,
        "keys",
        "create",
        "user:ann",
        "-t",
        "acme",
        "--scope",
        "retrieve",
        "--scope",
        "verify",
        "--actor",
        "service:bot",
        "--expires",
        "30d",
        "--label",
        "a [red]label[/red]",
    )
    listed = shown(acme, "keys", "list", "-t", "acme")
    assert [(k["key_id"], k["state"], k["scopes"]) for k in listed] == [
        (made["key_id"], "good", ["retrieve", "verify"])
    ]
    assert "a [red]label[/red]" in acme("keys", "list", "-t", "acme").stdout
    assert acme("keys", "revoke", made["key_id"], "-t", "acme").exit_code == 0
    assert shown(acme, "keys", "list", "-t", "acme")[0]["state"] == "revoked"


def test_a_key_for_someone_unknown_comes_with_a_hint(acme: Run) -> None:
    assert "user:zoe is unknown" in acme("keys", "create", "user:zoe", "-t", "acme").stderr


def test_status_fails_on_the_states_it_is_told_to(acme: Run) -> None:
    result = acme("status", "--fail-on", "stale")
    assert result.exit_code == 0, result.output
    assert acme("sources", "set", "docs", "-t", "acme", "--max-age", "1s").exit_code == 0
    time.sleep(2.1)
    assert acme("status").exit_code == 0
    assert acme("status", "--fail-on", "stale").exit_code == 4
    assert acme("status", "--fail-on", "failing").exit_code == 0
    found = shown(acme, "query", "per diem abroad", "-t", "acme", "--as", "user:ann")
    assert found["status"] == "degraded"
    shown(acme, "sources", "set", "docs", "-t", "acme", "--max-age", "none")
    assert shown(acme, "sources", "list", "-t", "acme")[0]["max_age_seconds"] is None


def test_a_healthy_installation_passes_every_check(shared: Run) -> None:
    result = shared("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(result.stdout)}
    assert result.exit_code == 0, result.stdout
    installation = {"data", "disk", "model", "catalogue", "audit"}
    inside = {"clock", "keys", "chains", "flags", "weights", "index", "sources", "erasures"}
    assert set(checks) == installation | inside


def test_the_doctor_names_an_open_directory_and_a_missing_one(
    acme: Run, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "data").chmod(0o755)
    result = acme("doctor")
    assert result.exit_code == 2
    assert "chmod 700" in result.stdout
    elsewhere = CliRunner().invoke(app, ["--data-dir", str(tmp_path / "none"), "doctor"])
    assert elsewhere.exit_code == 2
    assert not (tmp_path / "none").exists()
    assert run is acme


def test_the_doctor_notices_points_missing_from_the_index(acme: Run, tmp_path: Path) -> None:
    with Runtime.open(Settings(data_dir=tmp_path / "data", embedder="hash:64")) as runtime:
        generation = runtime.generation()
        assert generation is not None
        index = runtime.index(generation.id)
        index.delete(list(index.ids())[:1])
    result = acme("doctor")
    assert result.exit_code == 2
    assert "reindex --full" in result.stdout
    assert acme("reindex", "--full").exit_code == 0
    assert acme("doctor").exit_code == 0


def test_db_upgrade_can_be_repeated(run: Run) -> None:
    first, second = shown(run, "db", "upgrade"), shown(run, "db", "upgrade")
    assert (first["from"], first["changed"]) == (None, True)
    assert (second["from"], second["changed"]) == (first["to"], False)
