"""Fetching key sets: from the configured place alone, and never for long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acl.errors import KeySetError
from retrieval.fetch_keys import MAX_BYTES, check_address, from_file, over_https
from tests.support.issuer import KeyServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with KeyServer().running() as running:
        yield running


def test_what_is_published_is_fetched(server: KeyServer) -> None:
    assert over_https(server.url)() == server.document


@pytest.mark.parametrize("status", [204, 301, 302, 307, 404, 500, 503])
def test_any_other_answer_is_none(server: KeyServer, status: int) -> None:
    server.status, server.headers = status, {"Location": server.url}
    with pytest.raises(KeySetError, match=str(status)):
        over_https(server.url)()
    assert server.asked == 1  # a redirect is not followed


def test_a_document_beyond_the_limit_is_refused(server: KeyServer) -> None:
    server.document = b" " * MAX_BYTES
    assert len(over_https(server.url)()) == MAX_BYTES
    server.document += b" "
    with pytest.raises(KeySetError, match="too large"):
        over_https(server.url)()


def test_a_compressed_document_is_refused_before_it_unfolds(server: KeyServer) -> None:
    server.headers = {"Content-Encoding": "gzip"}
    with pytest.raises(KeySetError, match="compressed"):
        over_https(server.url)()


def test_an_issuer_that_does_not_answer_is_one_error() -> None:
    with KeyServer().running() as gone:
        url = gone.url
    with pytest.raises(KeySetError, match="ConnectError"):
        over_https(url)()


def test_a_document_that_trickles_is_given_up(
    server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.fetch_keys.MAX_SECONDS", 0.2)
    server.byte_seconds = 0.02  # each byte in time, all of them not
    with pytest.raises(KeySetError, match="too slowly"):
        over_https(server.url)()


@pytest.mark.parametrize(
    "url",
    [
        *("http://issuer.example/keys", "http://10.0.0.1/keys", "file:///etc/passwd", "ftp://x/y"),
        *("https://", "keys.json", "", "https://user@issuer.example/", "https://a:b@issuer/"),
        *("https://issuer.example/#keys", "http://127.0.0.1.evil.example/", "http://localhost@e/"),
    ],
)
def test_an_address_that_anyone_on_the_way_could_answer_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="give"):
        check_address(url)


@pytest.mark.parametrize(
    "url", ["https://issuer.example/keys", "http://127.0.0.1:8080/keys", "http://[::1]/keys"]
)
def test_https_is_taken_anywhere_and_http_on_this_machine(url: str) -> None:
    assert check_address(url) == url


def test_a_file_is_read_anew_each_time_and_has_the_same_limit(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    fetch = from_file(path)
    with pytest.raises(OSError, match=r"keys\.json"):
        fetch()
    for text in (b"one", b"two"):
        path.write_bytes(text)
        assert fetch() == text
    path.write_bytes(b" " * (MAX_BYTES + 1))
    with pytest.raises(KeySetError):
        fetch()
