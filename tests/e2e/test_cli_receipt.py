"""``clearance receipt``: checked offline, made again, followed up; what each exit code means."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from retrieval.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

TEXT = "# Travel\n\nThe per diem abroad is 55 euros a day.\n"
NOWHERE = "00000000-0000-4000-8000-000000000000"


class Kept:
    """An installation in a directory, one document, and the receipt of one answer."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.document = home / "docs" / "travel.md"
        self.document.parent.mkdir(parents=True)
        self.write(TEXT)
        self.run("acl", "add-member", "group:staff", "user:ann", "-t", "acme")
        self.answer: dict[str, Any] = self.ask()
        self.receipt = home / "receipt.jws"
        self.receipt.write_text(self.answer["receipt"] + "\n")
        self.jwks = home / "jwks.json"
        self.jwks.write_text(self.run("receipt", "keys").stdout)

    @property
    def cited(self) -> str:
        return str(self.answer["evidence"][0]["citation"]["document_id"])

    def invoke(self, *arguments: str, data: str = "data", text: str | None = None) -> Result:
        command = ["--data-dir", str(self.home / data), *arguments]
        return CliRunner().invoke(app, command, input=text)

    def run(self, *arguments: str) -> Result:
        result = self.invoke(*arguments)
        assert result.exit_code == 0, result.output
        return result

    def write(self, text: str) -> None:
        self.document.write_text(text)
        self.run("ingest", str(self.document.parent), "-t", "acme", "--allow", "group:staff")

    def ask(self) -> dict[str, Any]:
        asked = self.run("query", "per diem abroad", "-t", "acme", "--as", "user:ann", "--json")
        return dict(json.loads(asked.stdout))


@pytest.fixture(autouse=True, scope="module")
def environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEARANCE_EMBEDDER", "hash:64")
        patch.setenv("COLUMNS", "200")
        yield


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """For tests that change nothing."""
    return Kept(tmp_path_factory.mktemp("receipt"))


@pytest.fixture
def own(tmp_path: Path) -> Kept:
    """For a test that changes something."""
    return Kept(tmp_path)


def test_a_receipt_is_checked_offline_with_nothing_but_the_keys(shared: Kept) -> None:
    arguments = ("receipt", "verify", str(shared.receipt), "--jwks", str(shared.jwks))
    result = shared.invoke(*arguments, data="elsewhere")
    assert result.exit_code == 0, result.output
    assert "as signed" in result.stdout
    assert "user:ann" in result.stdout
    assert not (shared.home / "elsewhere").exists()
    told = json.loads(shared.invoke(*arguments, "--json", data="elsewhere").stdout)
    assert told["good"] is True
    assert told["receipt"]["sub"] == "user:ann"


def test_the_keys_of_the_data_directory_are_the_default(shared: Kept) -> None:
    shared.run("receipt", "verify", str(shared.receipt))


def test_a_receipt_may_come_on_standard_input(shared: Kept) -> None:
    assert shared.invoke("receipt", "verify", "-", text=shared.answer["receipt"]).exit_code == 0


def test_a_changed_receipt_ends_with_a_code_of_its_own(shared: Kept, tmp_path: Path) -> None:
    changed = tmp_path / "changed.jws"
    good = shared.receipt.read_bytes()
    end = b"BA\n" if good.endswith(b"AA\n") else b"AA\n"
    for bad in (good[:-3] + end, good + b"\n", b"\n" + good, good[:40], b"", b"\xff", b"{}"):
        changed.write_bytes(bad)
        for command in ("verify", "replay"):
            result = shared.invoke("receipt", command, str(changed), "--json")
            assert result.exit_code == 5, (bad, result.output)
            assert json.loads(result.stdout)["good"] is False


def test_a_receipt_is_checked_against_the_document_it_cites(shared: Kept, tmp_path: Path) -> None:
    arguments = ("receipt", "verify", str(shared.receipt), "--json", "--source")
    same = shared.run(*arguments, str(shared.document))
    assert json.loads(same.stdout)["source"] == [{"evidence": "e1", "passage": "same"}]
    other = tmp_path / "travel.md"
    other.write_text(TEXT.replace("55", "56"))
    assert shared.invoke(*arguments, str(other)).exit_code == 5


def test_another_reading_of_the_same_bytes_is_a_difference(shared: Kept, tmp_path: Path) -> None:
    renamed = tmp_path / "travel.html"
    renamed.write_bytes(shared.document.read_bytes())
    result = shared.invoke("receipt", "verify", str(shared.receipt), "--source", str(renamed))
    assert result.exit_code == 5
    assert "different" in result.stdout


@pytest.mark.parametrize(
    ("jwks", "says"), [("no json", "not JSON"), ("[]", "not a JWK set"), ("{}", "not a JWK set")]
)
def test_keys_that_cannot_be_read_are_an_error_that_says_the_remedy(
    shared: Kept, tmp_path: Path, jwks: str, says: str
) -> None:
    (tmp_path / "jwks.json").write_text(jwks)
    result = shared.invoke(
        "receipt", "verify", str(shared.receipt), "--jwks", str(tmp_path / "jwks.json")
    )
    assert result.exit_code == 2
    assert says in result.stderr


def test_without_any_keys_nothing_is_made_and_the_remedy_is_said(shared: Kept) -> None:
    result = shared.invoke("receipt", "verify", str(shared.receipt), data="elsewhere")
    assert result.exit_code == 2
    assert "--jwks" in result.stderr
    assert not (shared.home / "elsewhere").exists()


def test_a_receipt_signed_elsewhere_does_not_hold_here(shared: Kept, own: Kept) -> None:
    result = shared.invoke("receipt", "verify", str(own.receipt))
    assert result.exit_code == 5
    assert "not among" in result.stdout


def test_a_stored_receipt_is_shown_as_signed(shared: Kept) -> None:
    receipt = json.loads(shared.run("receipt", "verify", str(shared.receipt), "--json").stdout)
    shown = shared.run("receipt", "show", receipt["receipt"]["jti"], "-t", "acme")
    assert shown.stdout == shared.receipt.read_text()
    assert shared.invoke("receipt", "show", NOWHERE, "-t", "acme").exit_code == 2


def test_evidence_is_made_again_until_what_it_came_from_is_gone(own: Kept) -> None:
    shown = own.run("receipt", "replay", str(own.receipt), "--text")
    assert "55 euros" in shown.stdout
    quiet = own.run("receipt", "replay", str(own.receipt))
    assert "55 euros" not in quiet.stdout
    own.write(TEXT.replace("55", "60"))
    told = json.loads(own.run("receipt", "replay", str(own.receipt), "--json").stdout)
    assert told["outcome"] == "reproduced"
    assert told["citations"][0]["changes"] == ["newer_version"]


def test_exposure_says_who_was_shown_a_document_and_whom_a_correction_concerns(own: Kept) -> None:
    assert "user:ann" in own.run("receipt", "exposure", own.cited, "-t", "acme").stdout
    own.write(TEXT.replace("55", "60"))
    printed = own.run("receipt", "exposure", own.cited, "-t", "acme").stdout
    assert "a correction concerns 1" in printed
    assert "user:ann → group:staff" in printed
    told = json.loads(own.run("receipt", "exposure", own.cited, "-t", "acme", "--json").stdout)
    assert told["exposures"][0]["spans"][0]["correction"] == "superseded"
    assert own.invoke("receipt", "exposure", NOWHERE, "-t", "acme").exit_code == 2


def test_after_a_rotation_both_keys_are_published_and_it_is_on_record(own: Kept) -> None:
    rotated = json.loads(own.run("receipt", "rotate-key", "--json").stdout)
    keys = json.loads(own.run("receipt", "keys").stdout)["keys"]
    assert {key["kid"] for key in keys} == {rotated["key"], rotated["replaces"]}
    own.run("receipt", "verify", str(own.receipt))
    after = own.home / "after.jws"
    after.write_text(own.ask()["receipt"])
    own.run("receipt", "verify", str(after))
    refused = own.invoke("receipt", "verify", str(after), "--jwks", str(own.jwks))
    assert refused.exit_code == 5
    listed = own.run("audit", "list", "-t", "acme", "--stream", "administration", "--json").stdout
    assert "receipt.key_rotate" in listed
    assert rotated["key"] in listed
