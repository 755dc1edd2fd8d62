"""A folder with everything that can be wrong with a file, and a few that are right."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fpdf import FPDF

from ingestion.parsing.limits import ParseLimits

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., dict[str, Any]]

CLEARANCE = str(Path(sys.executable).with_name("clearance"))
PARTIAL = 3

GOOD = {
    "good.md": "# Travel\n\nThe per diem abroad is 55 euros.\n",
    "latin.txt": "The café in Zürich closes at noon.\n",
    "deep/good.html": "<p>The vault opens with two keys.</p>",
}

FAILURES = {
    "binary.txt": ("binary", "true suffix"),
    "broken.docx": ("malformed", "save it again"),
    "broken.pdf": ("malformed", "export it again"),
    "closed/.acl.yaml": ("acl_invalid", "allow"),
    "closed/minutes.md": ("acl_invalid", r"closed/\.acl\.yaml"),
    "device.txt": ("not_a_file", "move it"),
    "empty.md": ("empty", "remove it"),
    "huge.txt": ("too_large", "split the file"),
    "loop": ("link_loop", "remove it"),
    "nowhere.md": ("link_broken", "remove it"),
    "outside.md": ("link_outside", "copy the file"),
    "picture.md": ("binary", "true suffix"),
    "secret.pdf": ("encrypted", "password"),
}
"""Every failure by its place: its code, and what its message must mention."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("bad")
    root = home / "docs"
    (root / "deep").mkdir(parents=True)
    for name, text in GOOD.items():
        encoding = "latin-1" if name.startswith("latin") else "utf-8"
        (root / name).write_bytes(text.encode(encoding))
    (root / "binary.txt").write_bytes(bytes(range(256)) * 8)
    with zipfile.ZipFile(root / "broken.docx", "w") as broken:
        broken.writestr("[Content_Types].xml", "<Types/>")
        broken.writestr("word/document.xml", "<w:document>and then nothing of the kind")
    (root / "broken.pdf").write_bytes(b"%PDF-1.7\nand then nothing of the kind")
    (root / "empty.md").write_bytes(b" \n")
    (root / "picture.md").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    (root / "secret.pdf").write_bytes(_encrypted())
    with (root / "huge.txt").open("wb") as huge:
        huge.truncate(ParseLimits().max_bytes + 1)  # sparse: it takes no room
    (root / "loop").symlink_to(root, target_is_directory=True)
    (root / "nowhere.md").symlink_to(root / "missing.md")
    (home / "elsewhere.md").write_text("The merger with Initech closes in spring.\n")
    (root / "outside.md").symlink_to(home / "elsewhere.md")
    os.mkfifo(root / "device.txt")
    (root / "closed").mkdir()
    (root / "closed" / ".acl.yaml").write_text("inherit: false\nalow: [group:board]\n")
    (root / "closed" / "minutes.md").write_text("The board meets on Monday.\n")
    return root


def _encrypted() -> bytes:
    pdf = FPDF()
    pdf.set_encryption("owner", user_password="reader")
    pdf.add_page()
    pdf.set_font("helvetica", size=12)
    pdf.cell(0, 8, "The safe combination is secret.")
    return bytes(pdf.output())


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    settings = {
        "CLEARANCE_DATA_DIR": str(folder.parent / "data"),
        "CLEARANCE_EMBEDDER": "hash:64",
        "CLEARANCE_MIN_RELEVANCE": "0",
    }

    def run(*arguments: str, code: int = 0) -> dict[str, Any]:
        done = subprocess.run(  # noqa: S603 - our own command
            [CLEARANCE, *arguments, "--tenant", "acme", "--json"],
            env=kept | settings,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return dict(json.loads(done.stdout))

    return run


@pytest.fixture(scope="module")
def ingested(run: Run, folder: Path) -> dict[str, Any]:
    """The report of the first run."""
    report = run("ingest", str(folder), "--allow", "group:staff", code=PARTIAL)
    run("acl", "add-member", "group:staff", "user:ann")
    run("acl", "add-member", "group:board", "user:ann")
    return report


def _by_place(report: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {failure["external_id"]: failure for failure in report["failures"]}


def test_the_run_goes_on_and_takes_what_is_good(ingested: dict[str, Any]) -> None:
    assert ingested["status"] == "partial"
    assert ingested["added"] == len(GOOD)


def test_every_failure_is_named_with_its_cause_and_remedy(ingested: dict[str, Any]) -> None:
    failures = _by_place(ingested)
    assert {name: failure["code"] for name, failure in failures.items()} == {
        name: code for name, (code, _) in FAILURES.items()
    }
    for name, (_, remedy) in FAILURES.items():
        message = failures[name]["message"]
        assert re.search(remedy, message), (name, message)


def test_a_malformed_acl_file_is_named_by_line_and_field(ingested: dict[str, Any]) -> None:
    message = _by_place(ingested)["closed/.acl.yaml"]["message"]
    assert "closed/.acl.yaml:2" in message
    assert "alow" in message


def test_no_failure_quotes_what_the_file_says(ingested: dict[str, Any]) -> None:
    told = json.dumps(ingested["failures"])
    for words in ("merger", "board meets", "combination", "nothing of the kind"):
        assert words not in told


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("per diem abroad", "# Travel\n\nThe per diem abroad is 55 euros."),
        ("café in Zürich", "The café in Zürich closes at noon."),
        ("vault opens with two keys", "The vault opens with two keys."),
    ],
)
def test_good_files_are_found(run: Run, ingested: dict[str, Any], question: str, text: str) -> None:
    assert ingested
    assert text in [piece["text"] for piece in _ask(run, question)]


@pytest.mark.parametrize(
    "question",
    ["merger with Initech", "board meets on Monday", "safe combination", "nothing of the kind"],
)
def test_nothing_of_a_bad_file_is_found(run: Run, ingested: dict[str, Any], question: str) -> None:
    assert ingested
    found = _ask(run, question)
    uris = {piece["citation"]["uri"].rpartition("/docs/")[2] for piece in found}
    assert uris <= GOOD.keys()


def _ask(run: Run, question: str) -> list[dict[str, Any]]:
    answer = run("query", question, "--as", "user:ann")
    return list(answer["evidence"])


def test_a_second_run_says_the_same_and_changes_nothing(
    run: Run, folder: Path, ingested: dict[str, Any]
) -> None:
    again = run("ingest", str(folder), "--allow", "group:staff", code=PARTIAL)
    assert again["failures"] == ingested["failures"]
    assert again["unchanged"] == len(GOOD)
    for count in ("added", "changed", "moved", "deleted", "chunks_added", "chunks_removed"):
        assert again[count] == 0
