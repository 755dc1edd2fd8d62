"""Opening a source by its kind: the built-in ones, plug-ins, and what is refused."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest

from ingestion.errors import SourceError
from ingestion.sources.contract import check_source
from ingestion.sources.registry import kinds, open_source, settled_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PLUGIN = """
from ingestion.documents import AclEntrySpec, AclSpec, SourceItem
from ingestion.errors import SourceError
from ingestion.sources.kind import KindConfig, SourceKind


class NotesConfig(KindConfig):
    notes: dict[str, str]


class NotesSource:
    def __init__(self, name, config):
        self.name, self._notes = name, config.notes

    def acls(self):
        return [AclSpec(f"notes:{self.name}", None, True, (AclEntrySpec("allow", "everyone"),))]

    def list_items(self):
        for note in sorted(self._notes):
            yield SourceItem(note, f"notes://{note}", f"notes:{self.name}", 0, None)

    def fetch(self, item):
        try:
            return self._notes[item.external_id].encode()
        except KeyError:
            raise SourceError(f"{item.external_id}: is no note") from None


KIND = SourceKind(NotesConfig, NotesSource)
NOT_ONE = NotesSource
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Install a distribution with entry points, as pip lays it out."""

    def install(name: str, **points: str) -> None:
        (tmp_path / "clearance_notes.py").write_text(PLUGIN)
        info = tmp_path / f"{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        lines = "".join(f"{kind} = {target}\n" for kind, target in points.items())
        (info / "entry_points.txt").write_text(f"[clearance.sources]\n{lines}")
        importlib.invalidate_caches()

    monkeypatch.syspath_prepend(tmp_path)
    yield install
    sys.modules.pop("clearance_notes", None)


def test_a_plug_in_is_opened_like_a_built_in_kind_and_keeps_the_contract(
    install: Callable[..., None],
) -> None:
    install("notes", notes="clearance_notes:KIND")
    config = {"notes": {"a": "one", "b": "two"}}
    assert kinds() == ["folder", "fsspec", "jsonl", "notes", "parquet", "sql"]
    assert settled_config("notes", config) == config
    check_source(lambda: open_source("mine", "notes", config))
    with pytest.raises(SourceError, match=r"config\.note: is unknown; the fields are notes"):
        open_source("mine", "notes", {"note": {}})


def test_a_plug_in_cannot_take_the_place_of_a_built_in_kind(
    install: Callable[..., None], tmp_path: Path
) -> None:
    install("sly", folder="clearance_notes:KIND")
    assert type(open_source("s", "folder", {"root": tmp_path})).__name__ == "FolderSource"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("clearance_notes:NOT_ONE", "must be a SourceKind"),
        ("clearance_notes:MISSING", r"cannot be loaded \(AttributeError\)"),
        ("no_such_module:KIND", r"cannot be loaded \(ModuleNotFoundError\)"),
    ],
)
def test_a_broken_plug_in_is_named(install: Callable[..., None], target: str, words: str) -> None:
    install("notes", notes=target)
    with pytest.raises(SourceError, match=words):
        open_source("mine", "notes", {"notes": {}})


def test_two_plug_ins_for_one_kind_are_refused(install: Callable[..., None]) -> None:
    install("notes", notes="clearance_notes:KIND")
    install("others", notes="clearance_notes:NOT_ONE")
    with pytest.raises(SourceError, match="several plug-ins"):
        open_source("mine", "notes", {"notes": {}})


def test_an_unknown_kind_is_named_with_those_there_are() -> None:
    with pytest.raises(SourceError, match="the kinds are folder, fsspec, jsonl, parquet, sql"):
        open_source("s", "sharepoint", {})


@pytest.mark.parametrize("name", ["", "a:b", "a/b", "a#b", ".a", "a b", "\u00e4", "x" * 129])
def test_a_name_that_could_pose_as_part_of_another_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="name: "):
        open_source(name, "folder", {"root": tmp_path})


def test_nothing_heavy_is_imported_for_a_folder() -> None:
    import subprocess  # noqa: PLC0415

    program = (
        "import sys, ingestion.sources.registry as r; r.open_source('a', 'folder', {'root': '.'});"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not {"pyarrow", "fsspec", "s3fs", "watchfiles", "sqlalchemy"} & set(done.stdout.split())
