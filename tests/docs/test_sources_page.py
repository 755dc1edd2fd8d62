"""What docs/sources.md shows works as shown, and its tables name every field there is."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ingestion.documents import AclEntrySpec, AclSpec, SourceItem
from ingestion.errors import SourceError
from ingestion.sources.contract import check_source
from ingestion.sources.folder import FolderConfig
from ingestion.sources.kind import KindConfig, SourceKind
from ingestion.sources.manifest import ManifestConfig
from ingestion.sources.objects import ObjectsConfig
from ingestion.sources.row import Row
from ingestion.sources.sql import Columns, SqlConfig
from retrieval.cli.config_file import read_config
from tests.docs.documents import code, fences

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = "docs/sources.md"


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Where the reader stands: the command on the path, and a database of tickets."""
    with sqlite3.connect(tmp_path / "tickets.db") as db:
        db.execute("CREATE TABLE ticket (id, body, readers, changed, closed)")
        db.execute("INSERT INTO ticket VALUES (1, 'It leaks.', 'group:staff', '2026-01-01', 0)")
    db.close()
    data = tmp_path / "data"
    yield {
        **{name: value for name, value in os.environ.items() if "CLEARANCE" not in name},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "CLEARANCE_DATA_DIR": str(data),
        "CLEARANCE_EMBEDDER": "hash:64",
        "COLUMNS": "200",
        "TICKETS_URL": f"sqlite:///{tmp_path / 'tickets.db'}",
    }
    lock = data / "index" / "process.lock"
    if lock.exists() and lock.read_text():
        os.kill(int(lock.read_text()), signal.SIGTERM)


@pytest.mark.slow
def test_the_commands_do_what_the_page_says(tmp_path: Path, environment: dict[str, str]) -> None:
    outputs = []
    for fence in fences(PAGE):
        if fence.mark == "run":
            done = subprocess.run(  # noqa: S603 - the project's own page
                ["bash", "-euc", fence.text],  # noqa: S607 - as its reader would
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, fence.text + done.stderr
            outputs.append(done.stdout)
    folder, manifest, database = outputs
    assert re.search(r"ok +acme/handbook +2 documents", folder)
    assert re.search(r"ok +acme/wiki +3 documents", manifest)
    assert re.search(r"ok +acme/tickets +1 document ", database)


def test_the_configuration_of_storage_that_is_shown_is_one(tmp_path: Path) -> None:
    (shown,) = (fence.text for fence in fences(PAGE) if fence.language == "yaml")
    (tmp_path / "store.yaml").write_text(shown)
    given = {"url": "s3://bucket/handbook", **read_config(tmp_path / "store.yaml")}
    ObjectsConfig.model_validate(given)


def test_every_field_is_told() -> None:
    told = {name for piece in code(PAGE) for name in re.findall(r"\w+", piece)}
    for model in (FolderConfig, ManifestConfig, ObjectsConfig, SqlConfig, Columns, Row):
        assert set(model.model_fields) <= told, model.__name__


def test_the_plug_in_that_is_shown_keeps_the_contract() -> None:
    (shown,) = (fence.text for fence in fences(PAGE) if fence.language == "python")
    names: dict[str, Any] = {
        each.__name__: each
        for each in (AclEntrySpec, AclSpec, KindConfig, SourceError, SourceItem, SourceKind)
    }
    exec("from __future__ import annotations\n" + shown, names)  # noqa: S102 - our own page
    kind = names["KIND"]
    check_source(lambda: kind.open("mine", kind.validated({"notes": {"a": "one", "b": "two"}})))
