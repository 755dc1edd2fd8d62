"""A folder as a source: what it lists, under which ACL, and what it refuses to be led into."""

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.documents import AclEntrySpec, AclSpec, SourceFailure, SourceItem
from ingestion.errors import SourceError
from ingestion.sources.base import Source
from ingestion.sources.folder import FolderSource

STAFF = "allow: [group:staff]"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def fill(root: Path, **files: str) -> None:
    """Write files; ``__`` in a name stands for a slash and ``acl`` for ``.acl.yaml``."""
    for name, content in files.items():
        *folders, last = name.split("__")
        path = root.joinpath(*folders, ".acl.yaml" if last == "acl" else f"{last}.txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def labels(source: FolderSource) -> dict[str, str | None]:
    return {item.external_id: item.acl for item in items(source)}


def items(source: FolderSource) -> Iterator[SourceItem]:
    return (entry for entry in source.list_items() if isinstance(entry, SourceItem))


def failures(source: FolderSource) -> dict[str, str]:
    entries = [entry for entry in source.list_items() if isinstance(entry, SourceFailure)]
    assert all(entry.message for entry in entries)
    return {entry.external_id: entry.code for entry in entries}


def test_a_file_under_no_acl_at_all_is_unlabelled(root: Path) -> None:
    fill(root, a="x", sub__b="x")
    source = FolderSource(root, name="s")
    assert labels(source) == {"a.txt": None, "sub/b.txt": None}
    assert source.acls() == []


def test_a_file_stands_under_the_nearest_acl_above_it(root: Path) -> None:
    fill(root, acl=STAFF, a="x", hr__acl="inherit: false", hr__b="x", hr__deep__c="x", pub__d="x")
    source = FolderSource(root, name="s")
    assert labels(source) == {
        "a.txt": "folder:s:/",
        "hr/b.txt": "folder:s:hr",
        "hr/deep/c.txt": "folder:s:hr",
        "pub/d.txt": "folder:s:/",
    }
    assert source.acls() == [
        AclSpec("folder:s:/", None, True, (AclEntrySpec("allow", "group:staff"),)),
        AclSpec("folder:s:hr", "folder:s:/", False, ()),
    ]


def test_an_override_stands_beneath_the_acl_of_its_folder_and_reaches_no_further(
    root: Path,
) -> None:
    fill(root, hr__acl="files: {'p*.txt': {deny: [group:temps]}}", hr__pay="x", hr__sub__pay="x")
    source = FolderSource(root, name="s")
    assert labels(source) == {"hr/pay.txt": "folder:s:hr#p*.txt", "hr/sub/pay.txt": "folder:s:hr"}
    assert source.acls() == [
        AclSpec("folder:s:hr", None, True, ()),
        AclSpec("folder:s:hr#p*.txt", "folder:s:hr", True, (AclEntrySpec("deny", "group:temps"),)),
    ]


def test_given_grants_label_the_root_and_join_what_it_says_itself(root: Path) -> None:
    fill(root, acl="deny: [user:eve]", a="x")
    source = FolderSource(root, name="s", allow=["everyone"], deny=["group:temps"], acl_prefix="p")
    (spec,) = source.acls()
    assert spec.name == "p:/"
    assert [(entry.effect, entry.principal) for entry in spec.entries] == [
        ("allow", "everyone"),
        ("deny", "group:temps"),
        ("deny", "user:eve"),
    ]


def test_parents_come_before_children_and_every_label_is_an_acl(root: Path) -> None:
    fill(root, a__acl=STAFF, a__b__acl=STAFF, a__b__c__acl="files: {x.txt: {}}", a__b__c__x="x")
    fill(root, acl=STAFF, z="x")
    source = FolderSource(root, name="s")
    known: set[str | None] = {None}
    for spec in source.acls():
        assert spec.parent in known
        known.add(spec.name)
    assert set(labels(source).values()) <= known


def test_a_folder_name_cannot_pose_as_an_override(root: Path) -> None:
    fill(root, a__acl="files: {b: {}}")
    (root / "a#b").mkdir()
    (root / "a#b" / ".acl.yaml").write_text(STAFF)
    (root / "a%23b").mkdir()
    (root / "a%23b" / ".acl.yaml").write_text(STAFF)
    names = [spec.name for spec in FolderSource(root, name="s").acls()]
    assert len(set(names)) == len(names) == 4


def test_a_malformed_acl_closes_everything_beneath_it_and_nothing_else(root: Path) -> None:
    fill(root, acl=STAFF, a="x", hr__acl="alow: [everyone]", hr__b="x", hr__sub__c="x")
    fill(root, hr__sub__acl="allow: [everyone]", pub__d="x")
    source = FolderSource(root, name="s")
    assert set(labels(source)) == {"a.txt", "pub/d.txt"}
    closed = ["hr/.acl.yaml", "hr/b.txt", "hr/sub/c.txt"]
    assert failures(source) == dict.fromkeys(closed, "acl_invalid")
    messages = [entry.message for entry in source.list_items() if isinstance(entry, SourceFailure)]
    assert all("hr/.acl.yaml:1: alow" in message for message in messages)
    assert [spec.name for spec in source.acls()] == ["folder:s:/"]


@pytest.mark.parametrize("name", [".acl.yml", ".ACL.yaml", ".acl.json", ".acl"])
def test_a_misnamed_acl_file_closes_its_folder_and_is_not_passed_over(
    root: Path, name: str
) -> None:
    fill(root, acl=STAFF, hr__b="x")
    (root / "hr" / name).write_text("inherit: false")
    source = FolderSource(root, name="s")
    assert labels(source) == {}
    assert set(failures(source).values()) == {"acl_invalid"}


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_an_acl_file_that_is_no_plain_file_closes_its_folder(root: Path, kind: str) -> None:
    fill(root, acl=STAFF, hr__b="x")
    sidecar = root / "hr" / ".acl.yaml"
    if kind == "link":
        sidecar.symlink_to(root / ".acl.yaml")
    elif kind == "folder":
        sidecar.mkdir()
    else:
        os.mkfifo(sidecar)
    assert labels(FolderSource(root, name="s")) == {}


def test_the_order_is_that_of_the_names_and_hidden_things_are_passed_over(root: Path) -> None:
    for name in ("b.txt", "a.txt", "B.txt", "d/y.txt", "d/x.txt", "c.txt/z", ".env", ".git/config"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    for name in ("node_modules", "__pycache__"):
        (root / name).mkdir()
        (root / name / "x").write_text("x")
    listed = [item.external_id for item in items(FolderSource(root, name="s"))]
    assert listed == ["B.txt", "a.txt", "b.txt", "c.txt/z", "d/x.txt", "d/y.txt"]


def test_an_item_says_where_it_is_how_large_and_how_old(root: Path) -> None:
    (root / "a b.txt").write_text("four")
    then = datetime.now(UTC) - timedelta(days=3)
    os.utime(root / "a b.txt", (then.timestamp(), then.timestamp()))
    (item,) = items(FolderSource(root, name="s"))
    assert (item.size, item.uri) == (4, (root / "a b.txt").as_uri())
    assert item.modified_at is not None
    assert abs(item.modified_at - then) < timedelta(milliseconds=1)


def test_links_out_round_or_nowhere_are_reported_and_none_is_followed(root: Path) -> None:
    fill(root, acl=STAFF, a="x", sub__b="x", **{"..__secret": "secret"})
    (root / "inside.txt").symlink_to("a.txt")
    (root / "outside.txt").symlink_to("../secret.txt")
    (root / "away").symlink_to("..")
    (root / "broken").symlink_to("nowhere")
    (root / "self").symlink_to("self")
    (root / "sub" / "up").symlink_to("../sub")
    source = FolderSource(root, name="s")
    assert list(labels(source)) == ["a.txt", "sub/b.txt"]
    assert failures(source) == {
        "away": "link_outside",
        "outside.txt": "link_outside",
        "broken": "link_broken",
        "self": "link_loop",
        "sub/up": "link_loop",
    }


def test_a_root_reached_by_a_link_is_read(root: Path) -> None:
    fill(root, a="x")
    link = root.parent / "link"
    link.symlink_to(root)
    assert list(labels(FolderSource(link, name="s"))) == ["a.txt"]


def test_pipes_large_files_and_odd_names_are_reported_unread(root: Path) -> None:
    fill(root, acl=STAFF, large="x" * 11, small="x" * 10)
    os.mkfifo(root / "pipe")
    (root / "new\nline").write_text("x")
    if sys.platform == "linux":
        Path(os.fsdecode(os.fsencode(root) + b"/bad\xff")).write_text("x")
    source = FolderSource(root, name="s", max_bytes=10)
    assert list(labels(source)) == ["small.txt"]
    found = failures(source)
    assert found.pop("bad\\udcff", "name_invalid") == "name_invalid"
    assert found == {"large.txt": "too_large", "pipe": "not_a_file", "new\\nline": "name_invalid"}
    assert all(external_id.isprintable() for external_id in failures(source))


def test_names_that_differ_in_normalisation_only_are_one_name_and_a_failure(root: Path) -> None:
    (root / "caf\u00e9").write_text("x")
    (root / "cafe\u0301").write_text("y")
    source = FolderSource(root, name="s", allow=["everyone"])
    if len(list(root.iterdir())) == 2:  # some file systems see one name themselves
        assert (len(labels(source)), failures(source)) == (1, {"caf\u00e9": "name_collision"})


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_is_reported(root: Path) -> None:
    fill(root, acl=STAFF, a="x", sub__b="x")
    (root / "a.txt").chmod(0)
    (root / "sub").chmod(0)
    try:
        found = failures(FolderSource(root, name="s"))
    finally:
        (root / "sub").chmod(0o700)
    assert found == {"a.txt": "unreadable", "sub/": "unreadable"}


@pytest.fixture
def depth(root: Path) -> Iterator[int]:
    """Nest folders deeper than Python recurses, with a file in the innermost; say how deep."""
    depth = sys.getrecursionlimit() + 100
    at = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=at)
        above, at = at, os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(above)
    os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    yield depth
    # Whoever clears the temporary folder recurses, so it must not find this.
    os.unlink("f", dir_fd=at)
    for _ in range(depth):
        below, at = at, os.open("..", os.O_RDONLY, dir_fd=at)
        os.close(below)
        os.rmdir("d", dir_fd=at)
    os.close(at)


def test_a_deep_tree_does_not_exhaust_the_stack(root: Path, depth: int) -> None:
    (item,) = items(FolderSource(root, name="s"))
    assert item.external_id.count("/") == depth


def test_fetching_gives_the_bytes_however_the_disk_spells_the_name(root: Path) -> None:
    (root / "cafe\u0301").mkdir()
    (root / "cafe\u0301" / "re\u0301sume\u0301").write_bytes(b"\x00bytes")
    source = FolderSource(root, name="s")
    (item,) = items(source)
    assert item.external_id == "caf\u00e9/r\u00e9sum\u00e9"
    assert source.fetch(item) == b"\x00bytes"


@pytest.mark.parametrize("change", ["gone", "link", "folder above a link", "pipe", "grown"])
def test_a_file_swapped_after_listing_is_not_fetched(root: Path, change: str) -> None:
    fill(root, sub__a="x", **{"..__sub__a": "secret"})
    source = FolderSource(root, name="s", max_bytes=10)
    (item,) = items(source)
    path = root / "sub" / "a.txt"
    if change == "grown":
        path.write_text("x" * 11)
    elif change == "folder above a link":
        (root / "sub").rename(root / "old")
        (root / "sub").symlink_to(root.parent / "sub")
    else:
        path.unlink()
        if change == "link":
            path.symlink_to(root.parent / "sub" / "a.txt")
        elif change == "pipe":
            os.mkfifo(path)
    with pytest.raises(SourceError):
        source.fetch(item)


@pytest.mark.parametrize(
    "external_id", ["../secret.txt", "/etc/hostname", "sub/../../secret.txt", "."]
)
def test_an_external_id_cannot_name_anything_outside(root: Path, external_id: str) -> None:
    fill(root, sub__a="x", **{"..__secret": "secret"})
    item = SourceItem(external_id, "", None, 0, None)
    with pytest.raises(SourceError):
        FolderSource(root, name="s").fetch(item)


def test_a_root_that_is_no_folder_is_refused_when_read(root: Path) -> None:
    for path in (root / "absent", root / "a.txt"):
        (root / "a.txt").touch()
        source = FolderSource(path, name="s")
        with pytest.raises(SourceError, match="is not a folder"):
            source.acls()
        with pytest.raises(SourceError, match="is not a folder"):
            list(source.list_items())


def test_a_malformed_name_or_principal_is_refused_by_field(root: Path) -> None:
    for name in ("", "a:b", "a#b", "a/b", ".a"):
        with pytest.raises(SourceError, match="name"):
            FolderSource(root, name=name)
    with pytest.raises(SourceError, match="allow"):
        FolderSource(root, name="s", allow=["staff"])
    with pytest.raises(SourceError, match="deny"):
        FolderSource(root, name="s", deny=["group:*"])


def test_a_folder_source_is_a_source(root: Path) -> None:
    assert isinstance(FolderSource(root, name="s"), Source)
