"""Redirects: a server that is admitted leads nobody to one that is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ingestion.documents import SourceItem
from ingestion.errors import SourceError
from ingestion.sources.registry import open_source
from tests.support.web import Site, site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingestion.sources.base import Source


@pytest.fixture
def outer() -> Iterator[Site]:
    """A server that may be asked."""
    with site() as made:
        yield made


@pytest.fixture
def inner() -> Iterator[Site]:
    """A server that may not be, with a secret."""
    with site() as made:
        made.pages["/pages/a"] = made.pages["/secret"] = b"the secret"
        yield made


def manifest(tmp_path: Path, uri: str, **config: object) -> Source:
    path = tmp_path / "docs.jsonl"
    row = {"external_id": "a", "uri": uri, "acl": {"allow": ["group:staff"]}}
    path.write_text(json.dumps(row))
    return open_source("docs", "jsonl", {"path": path, **config})


def first(source: Source) -> SourceItem:
    source.acls()
    return next(item for item in source.list_items() if isinstance(item, SourceItem))


@pytest.mark.parametrize("path", ["/secret", "/pages/a"])
def test_a_row_is_not_fetched_from_where_an_admitted_host_leads(
    outer: Site, inner: Site, tmp_path: Path, path: str
) -> None:
    outer.moved["/pages/a"] = inner.address + path
    source = manifest(tmp_path, f"{outer.address}/pages/a", fetch_from=[f"{outer.address}/pages/"])
    with pytest.raises(SourceError, match=r"uri: .*fetch_from") as error:
        source.fetch(first(source))
    assert error.value.code == "redirected"
    assert inner.asked == []
    assert inner.address not in error.value.message  # its port is no concern of a report


@pytest.mark.parametrize("target", ["/secret", "//127.0.0.1/secret", "/pages/../secret"])
def test_nor_from_elsewhere_on_the_same_host(outer: Site, tmp_path: Path, target: str) -> None:
    outer.pages["/secret"] = b"the secret"
    outer.moved["/pages/a"] = target
    source = manifest(tmp_path, f"{outer.address}/pages/a", fetch_from=[f"{outer.address}/pages/"])
    with pytest.raises(SourceError, match="redirected"):
        source.fetch(first(source))
    assert "/secret" not in outer.asked


def test_an_option_cannot_lift_that(outer: Site, inner: Site, tmp_path: Path) -> None:
    outer.moved["/pages/a"] = f"{inner.address}/secret"
    source = manifest(
        tmp_path,
        f"{outer.address}/pages/a",
        fetch_from=[f"{outer.address}/pages/"],
        options={"middlewares": [], "client_kwargs": {"middlewares": []}},
    )
    with pytest.raises(SourceError, match="redirected"):
        source.fetch(first(source))
    assert inner.asked == []


def test_a_redirect_to_what_is_admitted_is_followed(
    outer: Site, inner: Site, tmp_path: Path
) -> None:
    outer.moved["/pages/a"] = "/pages/b"
    outer.moved["/pages/b"] = f"{inner.address}/pages/a"
    source = manifest(
        tmp_path,
        f"{outer.address}/pages/a",
        fetch_from=[f"{outer.address}/pages/", f"{inner.address}/pages/"],
    )
    assert source.fetch(first(source)) == b"the secret"


def test_a_web_folder_is_listed_through_the_slash_that_its_server_adds(outer: Site) -> None:
    outer.moved["/docs"] = "/docs/"
    outer.pages["/docs/"] = b'<a href="a.txt">a</a> <a href="b.txt">b</a>'
    outer.pages["/docs/a.txt"] = b"hello"
    source = open_source(
        "web", "fsspec", {"url": f"{outer.address}/docs/", "allow": ["group:staff"]}
    )
    item = first(source)
    assert item.external_id == "a.txt"
    assert source.fetch(item) == b"hello"


def test_a_web_folder_leads_nowhere_else(outer: Site, inner: Site) -> None:
    outer.pages["/docs"] = outer.pages["/docs/"] = b'<a href="a.txt">a</a>'
    outer.moved["/docs/a.txt"] = f"{inner.address}/secret"
    config = {"url": f"{outer.address}/docs", "allow": ["group:staff"]}
    source = open_source("web", "fsspec", config)
    with pytest.raises(SourceError, match="url: was redirected out of the source"):
        source.fetch(first(source))
    outer.moved["/docs"] = f"{inner.address}/pages/a"
    with pytest.raises(SourceError, match="url: was redirected out of the source"):
        list(open_source("web", "fsspec", config).list_items())
    assert inner.asked == []
