"""Storage by URL, over a real S3 server and fsspec's memory: what is listed, and to whom."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from ingestion.documents import SourceFailure, SourceItem
from ingestion.errors import SourceError
from ingestion.sources.contract import check_source
from ingestion.sources.object_tree import ObjectFolder
from ingestion.sources.registry import open_source, settled_config
from tests.support.object_store import KEY, SECRET, client, s3_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ingestion.sources.base import Source

STAFF = b"allow: [group:staff]"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture
def bucket(server: str) -> Iterator[tuple[str, Any]]:
    """An empty bucket and a file system to fill it with."""
    files = client(server)
    name = f"b{uuid.uuid4().hex}"
    files.mkdir(name)
    yield name, files
    files.rm(name, recursive=True)


@pytest.fixture
def open_s3(server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Source]:
    monkeypatch.setenv("STORE_KEY", KEY)
    monkeypatch.setenv("STORE_SECRET", SECRET)

    def opened(url: str, **config: Any) -> Source:
        return open_source(
            "store",
            "fsspec",
            {
                "url": url,
                "options": {"endpoint_url": server},
                "options_env": {"key": "STORE_KEY", "secret": "STORE_SECRET"},
                **config,
            },
        )

    return opened


def labels(source: Source) -> dict[str, str | None]:
    return {item.external_id: item.acl for item in items(source)}


def items(source: Source) -> list[SourceItem]:
    return [entry for entry in source.list_items() if isinstance(entry, SourceItem)]


def failures(source: Source) -> dict[str, str]:
    found = [entry for entry in source.list_items() if isinstance(entry, SourceFailure)]
    assert all(entry.message for entry in found)
    return {entry.external_id: entry.code for entry in found}


def test_an_object_store_is_labelled_like_a_folder(
    bucket: tuple[str, Any], open_s3: Callable[..., Source]
) -> None:
    name, files = bucket
    files.pipe(
        {
            f"{name}/docs/.acl.yaml": STAFF,
            f"{name}/docs/a.md": b"A",
            f"{name}/docs/hr/.acl.yaml": b"inherit: false\nfiles: {pay.md: {allow: [group:pay]}}",
            f"{name}/docs/hr/pay.md": b"pay",
            f"{name}/docs/hr/deep/b.md": b"B",
            f"{name}/docs/.hidden/c.md": b"C",
            f"{name}/docs/z.md": b"Z",
            f"{name}/elsewhere.md": b"not below",
        }
    )
    source = open_s3(f"s3://{name}/docs")
    assert labels(source) == {
        "a.md": "fsspec:store:/",
        "z.md": "fsspec:store:/",
        "hr/pay.md": "fsspec:store:hr#pay.md",
        "hr/deep/b.md": "fsspec:store:hr",
    }
    assert [source.fetch(item) for item in items(source)] == [b"A", b"Z", b"pay", b"B"]
    assert items(source)[0].uri == f"s3://{name}/docs/a.md"
    check_source(lambda: open_s3(f"s3://{name}/docs/"))


def test_a_revision_stays_while_the_content_does(
    bucket: tuple[str, Any], open_s3: Callable[..., Source]
) -> None:
    name, files = bucket
    files.pipe({f"{name}/a": b"one", f"{name}/b": b"two"})
    source = open_s3(f"s3://{name}", allow=["everyone"])
    before = {item.external_id: item.revision for item in items(source)}
    files.pipe({f"{name}/a": b"new", f"{name}/b": b"two"})
    after = {item.external_id: item.revision for item in items(source)}
    assert before["a"] != after["a"]
    assert before["b"] == after["b"] is not None
    assert all(item.modified_at is not None for item in items(source))


def test_a_broken_acl_file_closes_what_lies_beneath_it(
    bucket: tuple[str, Any], open_s3: Callable[..., Source]
) -> None:
    name, files = bucket
    files.pipe(
        {
            f"{name}/.acl.yaml": STAFF,
            f"{name}/a": b"A",
            f"{name}/hr/.acl.yaml": b"alow: [everyone]",
            f"{name}/hr/b": b"B",
            f"{name}/it/.acl.yml": STAFF,
            f"{name}/it/c": b"C",
        }
    )
    source = open_s3(f"s3://{name}")
    assert list(labels(source)) == ["a"]
    closed = ["hr/.acl.yaml", "hr/b", "it/.acl.yml", "it/c"]
    assert failures(source) == dict.fromkeys(closed, "acl_invalid")
    assert labels(open_s3(f"s3://{name}/hr")) == {}


def test_folder_markers_are_passed_over_and_an_object_may_be_called_like_a_folder(
    bucket: tuple[str, Any], open_s3: Callable[..., Source]
) -> None:
    name, files = bucket
    files.pipe({f"{name}/{key}": b"x" for key in ("plain", "sub/plain", "both", "both/inner")})
    for key in ("sub/", "cafe\u0301"):
        files.call_s3("put_object", Bucket=name, Key=key, Body=b"" if key == "sub/" else b"x")
    source = open_s3(f"s3://{name}", allow=["everyone"])
    assert list(labels(source)) == ["both", "caf\u00e9", "plain", "both/inner", "sub/plain"]
    assert failures(source) == {}
    assert all(source.fetch(item) == b"x" for item in items(source))


def test_names_that_no_folder_could_have_are_reported() -> None:
    folder = ObjectFolder("x", "b/x")
    kinds = {
        "b/x": "file",  # the marker of the folder itself
        "b/x//": "directory",
        "b/x/..": "file",
        "b/x/tab\there": "file",
        "b/x/cafe\u0301": "file",
        "b/x/caf\u00e9": "file",
        "elsewhere/y": "file",
        "b/x/link": "other",
        "b/x/good": "file",
    }
    folder.sort([{"name": name, "type": kind, "size": 1} for name, kind in kinds.items()])
    assert [file.relative for file in folder.files] == ["x/caf\u00e9", "x/good"]
    assert {failure.external_id: failure.code for failure in folder.failures} == {
        "x/unnamed/": "name_invalid",
        "x/..": "name_invalid",
        "x/tab\\there": "name_invalid",
        "x/caf\u00e9": "name_collision",
        "x/elsewhere/y": "name_invalid",
        "x/link": "not_a_file",
    }


def test_what_is_too_large_is_not_read_and_what_is_gone_is_said_to_be(
    bucket: tuple[str, Any], open_s3: Callable[..., Source]
) -> None:
    name, files = bucket
    files.pipe({f"{name}/large": b"x" * 11, f"{name}/small": b"x" * 10})
    source = open_s3(f"s3://{name}", allow=["everyone"], max_bytes=10)
    (item,) = items(source)
    assert failures(source) == {"large": "too_large"}
    files.pipe({f"{name}/small": b"x" * 11})
    with pytest.raises(SourceError, match="more than 10 bytes"):
        source.fetch(item)
    files.rm(f"{name}/small")
    with pytest.raises(SourceError, match="not there"):
        source.fetch(item)


def test_a_store_that_cannot_be_listed_deletes_nothing(
    server: str, open_s3: Callable[..., Source]
) -> None:
    for source in (
        open_s3("s3://no-such-bucket"),
        open_s3("s3://b", options={"endpoint_url": server, "colour": "red"}),
    ):
        with pytest.raises(SourceError):
            source.acls()
        with pytest.raises(SourceError):
            list(source.list_items())


def test_a_secret_comes_from_the_environment_and_is_never_remembered(
    open_s3: Callable[..., Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"url": "s3://b", "options_env": {"secret": "STORE_SECRET"}}
    monkeypatch.setenv("STORE_SECRET", "hush")
    assert "hush" not in str(settled_config("fsspec", config))
    monkeypatch.delenv("STORE_SECRET")
    with pytest.raises(SourceError, match=r"options_env.secret: .* STORE_SECRET is not set"):
        open_s3("s3://b").acls()


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc",
        "local:///etc",
        "s3://user:password@bucket",
        "simplecache::s3://bucket",
        "s3://bucket/../other",
        "bucket/folder",
        "",
    ],
)
def test_an_address_that_leads_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(SourceError, match=r"config\.url"):
        open_source("store", "fsspec", {"url": url})


def test_a_protocol_that_nothing_speaks_is_named_with_the_remedy() -> None:
    source = open_source("store", "fsspec", {"url": "nosuch://bucket"})
    with pytest.raises(SourceError, match="url: "):
        source.acls()


def test_storage_without_checksums_is_told_apart_by_when_it_was_written() -> None:
    files = MemoryFileSystem()
    root = f"/{uuid.uuid4().hex}"
    files.pipe({f"{root}/a": b"one"})
    try:
        source = open_source("store", "fsspec", {"url": f"memory:/{root}", "allow": ["everyone"]})
        (before,) = items(source)
        files.pipe({f"{root}/a": b"two"})
        (after,) = items(source)
        assert (before.revision or "").startswith("written:")
        assert before.revision != after.revision
        check_source(lambda: source)
    finally:
        files.rm(root, recursive=True)
