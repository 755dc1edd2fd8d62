"""Stored and sent hostile texts on pages: shown as they are, and never anything but text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final

import pytest
from fastapi.testclient import TestClient
from markupsafe import escape

from retrieval.api.app import create_app
from tests.support.console import Browser, key_for
from tests.support.hostile import EVIL_ACL, EVIL_NAME, EVIL_PATH, PAYLOADS, hostile_bank

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.installation import Installation


def words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))


TAGS: Final = words(
    "html head meta title link body a header div svg path span bdi form input button nav ul li "
    "main h1 h2 h3 p section ol article dl dt dd code time mark details summary fieldset legend "
    "label select option textarea footer strong table thead tbody tr th td progress br"
)
"""All that templates write; an element of another name came out of a text."""
ATTRIBUTES: Final = words(
    "lang charset name content rel type href class id tabindex method action value for rows "
    "required maxlength dir selected checked open datetime role scope max viewbox width height "
    "d target autocomplete autocapitalize spellcheck"
)


@dataclass
class Page(HTMLParser):
    """What a browser makes of a page, as far as a strict reader can tell."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name in {"href", "src", "action", "formaction"}:
                self.links.append(value or "")


@pytest.fixture
def browser(world: Installation) -> Iterator[Browser]:
    hostile_bank(world)
    app = create_app(world.runtime)
    with TestClient(app, raise_server_exceptions=False) as client:
        opened = Browser(client)
        opened.sign_in(key_for(world, "user:ann"))
        yield opened


def everything(browser: Browser) -> dict[str, str]:
    """Each page there is, with as much of the hostile texts as it can be made to show."""
    texts = {"ask": browser.ask("allowance abroad", limit="32").text}
    chunks = re.findall(r"/console/evidence/([\w-]+)", texts["ask"])
    assert chunks
    for ident in set(chunks):
        texts[f"evidence {ident}"] = browser.get(f"/console/evidence/{ident}").text
    receipt = re.findall(r"/console/receipts/([\w-]+)", texts["ask"])[0]
    texts["receipt"] = browser.get(f"/console/receipts/{receipt}").text
    documents = {
        ident
        for text in texts.values()
        for ident in re.findall(r"<dt>Document</dt><dd><code>([\w-]+)</code>", text)
    }
    assert documents
    for ident in documents:
        texts[f"exposure {ident}"] = browser.get("/console/exposure", document=ident).text
        asked = {"principal": "user:ann", "document": ident}
        texts[f"access {ident}"] = browser.send("/console/access", asked).text
    for path in ("ask", "sources", "runs", "operations"):
        texts[f"bare {path}"] = browser.get(f"/console/{path}").text
    run = re.findall(r"/console/runs/([0-9a-f-]{36})", texts["bare runs"])[0]
    texts["run"] = browser.get(f"/console/runs/{run}").text
    for payload in PAYLOADS:
        texts[f"asked {payload}"] = browser.ask(payload).text
        texts[f"narrowed {payload}"] = browser.ask("allowance", sources=payload).text
        wrong = {"query": payload, "limit": payload, "modified_since": payload}
        texts[f"wrong {payload}"] = browser.send("/console/ask", wrong).text
        texts[f"unknown {payload}"] = browser.send("/console/ask", {payload: payload}).text
        asked = {"principal": payload, "document": payload, "actor": payload}
        texts[f"nobody {payload}"] = browser.send("/console/access", asked).text
        texts[f"nothing {payload}"] = browser.get("/console/exposure", document=payload).text
        texts[f"source {payload}"] = browser.get("/console/runs", source=payload).text
        texts[f"parameter {payload}"] = browser.get("/console/sources", **{payload: payload}).text
        texts[f"door {payload}"] = browser.sign_in(payload).text
        flag = {"name": "exact_only", "value": "on", "reason": payload}
        browser.send("/console/flags/set", flag)
        texts[f"flags {payload}"] = browser.get("/console/flags").text
        browser.send("/console/flags/unset", {"flag": "exact_only"})
        wrong = {"name": payload, "target": payload, "value": payload, "reason": payload}
        texts[f"flag {payload}"] = browser.send("/console/flags/set", wrong).text
    return texts


def test_no_text_becomes_an_element_an_attribute_or_a_link(browser: Browser) -> None:
    for name, text in everything(browser).items():
        page = Page(text)
        assert page.tags <= TAGS, name
        assert {a for a in page.attributes if not a.startswith("aria-")} <= ATTRIBUTES, name
        assert [link for link in page.links if not link.startswith(("/console", "#"))] == [], name


def test_hostile_texts_are_shown_as_they_are(browser: Browser) -> None:
    texts = everything(browser)
    for escaped in (
        "&lt;img src=x onerror=",
        "&#34;&gt;&lt;svg onload=",
        "&lt;script&gt;alert(&#39;address&#39;)",
    ):
        assert escaped in texts["ask"]
    access = [text for name, text in texts.items() if name.startswith("access ")]
    for name in (EVIL_ACL, EVIL_NAME, EVIL_PATH, EVIL_ACL):
        assert any(escape(name) in text for text in access), name
    assert escape(EVIL_NAME) in texts["bare sources"]
    assert escape(EVIL_NAME) in texts["bare runs"]
    for payload in PAYLOADS:
        assert escape(payload) in texts[f"flags {payload}"]


def test_an_address_of_a_document_is_never_a_link(browser: Browser) -> None:
    texts = everything(browser)
    assert any("javascript:" in text for text in texts.values())
    for name, text in texts.items():
        hrefs = re.findall(r'href="([^"]*)"', text)
        assert [href for href in hrefs if ":" in href] == [], name
