"""Stored scripts, in a real browser: nothing runs, nothing pops up, nothing leaves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.support.hostile import PAYLOADS
from tests.support.web import site

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Service, Visitor

# Texts of documents can make no element but those of the templates, and none of these is there.
_ELEMENTS = "script, iframe, img, style, object, embed, base, meta[http-equiv], [onload], [onerror]"


def look(page: Page) -> None:
    """Do what a reader might: move over everything, and open what can be opened."""
    for summary in page.locator("main summary").all():
        summary.click()
    for one in page.locator("main bdi, main .text").all()[:5]:
        one.hover(force=True)
    assert page.locator(_ELEMENTS).count() == 0, page.url


def nothing_happened(visitor: Visitor) -> None:
    assert visitor.dialogs == []
    assert visitor.strayed == []
    assert visitor.complaints == []


def test_no_stored_script_runs_on_any_page(hostile: Service) -> None:
    visitor = hostile.visitor()
    page = visitor.signed_in()
    page.get_by_label("Question", exact=True).fill("allowance abroad")
    page.get_by_text("Narrow it down").click()
    page.get_by_label("Also show").check()
    page.get_by_label("Pieces of evidence").select_option("32")
    page.get_by_role("button", name="Ask").click()
    page.get_by_role("heading", name="Evidence").wait_for()
    assert page.locator("article").count() > 5
    assert "<script>alert(1)</script>" in page.locator("main").inner_text()
    look(page)
    paths = set(re.findall(r"/console/(?:evidence|receipts)/[\w-]+", page.content()))
    documents = set()
    for path in sorted(paths):
        page.goto(visitor.site + path)
        look(page)
        documents.update(re.findall(r"<dt>Document</dt><dd><code>([\w-]+)<", page.content()))
    assert documents
    for ident in sorted(documents)[:4]:
        page.goto(f"{visitor.site}/console/exposure?document={ident}")
        assert "user:ann" in page.locator("table").inner_text()
        look(page)
        page.goto(f"{visitor.site}/console/access")
        page.get_by_label("Who").fill("user:ann")
        page.get_by_label("Which document").fill(ident)
        page.get_by_role("button", name="Explain").click()
        page.get_by_role("heading", name="Visible", exact=True).wait_for()
        look(page)
    for path in ("sources", "runs", "operations"):
        page.goto(f"{visitor.site}/console/{path}")
        look(page)
    page.goto(f"{visitor.site}/console/runs")
    page.locator("td a").first.click()
    look(page)
    nothing_happened(visitor)


def test_no_script_that_was_asked_runs(hostile: Service) -> None:
    visitor = hostile.visitor()
    page = visitor.signed_in()
    for payload in PAYLOADS:
        page.goto(f"{visitor.site}/console/ask")
        page.get_by_label("Question", exact=True).fill(payload)
        page.get_by_role("button", name="Ask").click()
        page.locator("#answer").wait_for()
        assert page.locator("#query").input_value() == payload
        look(page)
    nothing_happened(visitor)


def test_a_script_that_got_into_a_page_all_the_same_would_not_run(hostile: Service) -> None:
    """The second line: were escaping ever lost, the policy of the page still holds."""
    visitor = hostile.visitor()
    page = visitor.signed_in()
    headers = page.request.get(f"{visitor.site}/console/ask").headers
    with site() as elsewhere:
        evil = (
            "<!doctype html><script>alert(1)</script><img src=x onerror=alert(2)>"
            f"<img src={elsewhere.address}/leak><iframe src={elsewhere.address}/frame></iframe>"
            f"<style>body {{ background: url({elsewhere.address}/style) }}</style>"
            f"<link rel=stylesheet href={elsewhere.address}/sheet>"
            f"<form action={elsewhere.address}/form><button>send</button></form>"
            "<a href='javascript:alert(3)'>go</a>"
        )
        page.route("**/console/planted", lambda route: route.fulfill(body=evil, headers=headers))
        page.goto(f"{visitor.site}/console/planted")
        page.get_by_text("go").click()
        page.get_by_text("send").click(no_wait_after=True)
        page.wait_for_timeout(300)
        assert elsewhere.asked == []
    assert visitor.dialogs == []
    assert any("Content Security Policy" in text for text in visitor.complaints)
