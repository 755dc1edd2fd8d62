"""What may be fetched from where: addresses are compared by parts, and as servers read them."""

from __future__ import annotations

import pytest

from ingestion.sources.address import is_beneath

PREFIX = "https://docs.example/wiki/"


@pytest.mark.parametrize("url", [PREFIX + "a", PREFIX + "a/b%20c", PREFIX + "a..b"])
def test_what_lies_beneath_may_be_fetched(url: str) -> None:
    assert is_beneath(url, PREFIX)


@pytest.mark.parametrize(
    "url",
    [
        PREFIX + "../secret",
        PREFIX + "%2e%2e/secret",
        PREFIX + "a/%2E./../secret",
        "https://docs.example/wiki",
        "https://docs.example/wiki-too/a",
        "https://docs.example.evil/wiki/a",
        "https://docs.example@evil/wiki/a",
        "https://docs.example:444/wiki/a",
        "http://docs.example/wiki/a",
        "simplecache::" + PREFIX + "a",
        "file:///wiki/a",
    ],
)
def test_what_only_looks_so_may_not(url: str) -> None:
    assert not is_beneath(url, PREFIX)
