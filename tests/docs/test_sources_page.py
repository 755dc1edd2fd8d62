"""What docs/sources.md shows works as shown, and its tables name every field there is."""

from __future__ import annotations

import re
import sqlite3
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
    from pathlib import Path

    from tests.docs.conftest import Reader

PAGE = "docs/sources.md"


@pytest.mark.slow
def test_the_commands_do_what_the_page_says(reader: Reader) -> None:
    tickets = reader.folder / "tickets.db"
    with sqlite3.connect(tickets) as db:
        db.execute("CREATE TABLE ticket (id, body, readers, changed, closed)")
        db.execute("INSERT INTO ticket VALUES (1, 'It leaks.', 'group:staff', '2026-01-01', 0)")
    db.close()
    reader.environment["TICKETS_URL"] = f"sqlite:///{tickets}"
    folder, manifest, database = reader.follow(PAGE)
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
