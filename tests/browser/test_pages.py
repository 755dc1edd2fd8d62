"""Every page in a real browser: by keyboard alone, read by rule, in both schemes, wide and narrow.

With ``CLEARANCE_TEST_SCREENSHOTS`` set to a folder, what the pages look like is written there; the
pictures of docs/console.md are made so.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from acl.caller import ApiScope
from acl.identity.keys import revoke_key
from tests.browser.audit import contrasts, faults
from tests.browser.bank import QUESTION
from tests.browser.conftest import WIDE
from tests.support.installation import TENANT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.browser.conftest import Service, Visitor

NARROW: Final = {"width": 360, "height": 780}
SCHEMES: Final = ("light", "dark")


def answered(visitor: Visitor, question: str = QUESTION) -> Page:
    """The answer to a question."""
    page = visitor.signed_in("/console/ask")
    page.get_by_label("Question", exact=True).fill(question)
    page.get_by_text("Narrow it down").click()
    page.get_by_label("Also show").check()
    page.get_by_role("button", name="Ask").click()
    page.locator("#answer").wait_for()
    return page


def states(visitor: Visitor) -> Iterator[tuple[str, Page]]:
    """Every page, in every state that looks different; each is named."""
    page = visitor.open("/console/sign-in")
    yield "sign-in", page
    page.get_by_label("API key or token").fill("clr_wrong")
    page.get_by_role("button", name="Sign in").click()
    yield "sign-in-refused", page
    page.get_by_label("API key or token").fill(visitor.token)
    page.get_by_role("button", name="Sign in").click()
    yield "ask", page
    page = answered(visitor)
    yield "answer", page
    answer = page.content()
    page.goto(visitor.site + re.findall(r"/console/receipts/[\w-]+", answer)[0])
    yield "receipt", page
    # A piece that has something on both sides of it, if there is one.
    for path in dict.fromkeys(re.findall(r"/console/evidence/[\w-]+", answer)):
        page.goto(visitor.site + path)
        if page.locator(".neighbour").count():
            break
    yield "evidence", page
    document = re.findall(r"<dt>Document</dt><dd><code>([\w-]+)<", page.content())[0]
    yield "exposure", visitor.open(f"/console/exposure?document={document}")
    page = visitor.open("/console/access")
    yield "access-form", page
    page.get_by_label("Who").fill("user:ann")
    page.get_by_label("Which document").fill("handbook/board/merger.md")
    page.get_by_role("button", name="Explain").click()
    page.get_by_role("heading", name="Not visible", exact=True).wait_for()
    yield "access-refused", page
    page.get_by_label("Which document").fill("handbook/travel/allowance.md")
    page.get_by_role("button", name="Explain").click()
    page.get_by_role("heading", name="Visible", exact=True).wait_for()
    yield "access", page
    page.get_by_label("Who").fill("nobody")
    page.get_by_role("button", name="Explain").click()
    page.get_by_role("alert").wait_for()
    yield "access-wrong", page
    for name in ("sources", "runs", "flags", "operations"):
        page = visitor.open(f"/console/{name}")
        yield name, page
        if name == "runs":
            page.locator("td a").first.click()
            page.get_by_text("What it came to").wait_for()
            yield "run", page
    yield "not-found", visitor.open("/console/evidence/nothing")
    page = visitor.signed_in("/console/ask")
    page.locator("#query").evaluate("field => field.removeAttribute('required')")
    page.get_by_role("button", name="Ask").click()
    page.get_by_role("alert").wait_for()
    yield "ask-wrong", page


def keep(page: Page, name: str) -> None:
    """Write down what a page looks like, if that is wanted."""
    folder = os.environ.get("CLEARANCE_TEST_SCREENSHOTS")
    if folder:
        page.evaluate("window.scrollTo(0, 0)")
        page.screenshot(path=Path(folder) / f"console-{name}.png", full_page=True)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_page_is_sound_readable_and_fits_a_phone_in_both_schemes(
    bank: Service, scheme: Any
) -> None:
    visitor = bank.visitor(color_scheme=scheme)
    seen = 0
    for name, page in states(visitor):
        keep(page, f"{name}-{scheme}")
        assert faults(page) == [], name
        assert contrasts(page) == [], name
        page.set_viewport_size(NARROW)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], name
        keep(page, f"{name}-{scheme}-narrow")
        page.set_viewport_size(WIDE)
        seen += 1
    assert seen > 15
    assert (visitor.dialogs, visitor.strayed) == ([], [])
    # Statuses of refusals are told there; nothing else is.
    assert [text for text in visitor.complaints if "Failed to load resource" not in text] == []


def test_a_question_is_asked_by_keyboard_alone(bank: Service) -> None:
    visitor = bank.visitor(ApiScope.RETRIEVE)
    page = visitor.open("/console")
    to(page, "API key or token")
    page.keyboard.type(visitor.token)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Ask", exact=True).wait_for()
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to content"
    page.keyboard.press("Enter")
    to(page, "Question")
    page.keyboard.type(QUESTION)
    to(page, "Narrow it down")
    page.keyboard.press("Enter")
    to(page, "handbook")
    page.keyboard.press("Space")
    to(page, "Ask")
    page.keyboard.press("Enter")
    page.locator("#answer").wait_for()
    # The browser goes on from the answer, not from the top of the page.
    assert page.url.endswith("#answer")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#answer') !== null")
    with page.context.expect_page() as opened:
        to(page, "Read e1 in its context (opens in a new tab)")
        page.keyboard.press("Enter")
    opened.value.get_by_role("heading", name="The evidence", exact=True).wait_for()
    to(page, "Sign out")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Sign in", exact=True).wait_for()
    page.goto(f"{visitor.site}/console/ask")
    page.get_by_role("heading", name="Sign in", exact=True).wait_for()


def to(page: Page, name: str) -> None:
    """Tab until something of that name has the focus, which must be seen."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if focused(page) == name:
            assert page.evaluate(
                "getComputedStyle(document.activeElement).outlineStyle !== 'none'"
            ), f"{name} has the focus, and nothing shows it"
            return
    raise AssertionError(f"no key leads to {name}")


def focused(page: Page) -> str:
    """What a screen reader would say has the focus."""
    return str(
        page.evaluate(
            """() => {
                const at = document.activeElement;
                const label = at.labels && at.labels.length ? at.labels[0] : at;
                return label.textContent.replace(/↗/g, "").replace(/\\s+/g, " ").trim();
            }"""
        )
    )


def test_a_token_that_is_revoked_signs_out_in_the_middle_of_reading(bank: Service) -> None:
    visitor = bank.visitor(ApiScope.RETRIEVE)
    page = answered(visitor)
    with bank.world.change() as session:
        revoke_key(session, TENANT, visitor.token.split("_")[1], now=bank.world.clock())
    page.get_by_role("link", name="Sources").first.click()
    page.get_by_role("heading", name="Sign in", exact=True).wait_for()
    assert "no longer good" in page.get_by_role("alert").inner_text()
    assert visitor.context.cookies() == []
    keep(page, "signed-out-light")


def test_what_is_hidden_is_not_there_for_whoever_may_not_see_it(bank: Service) -> None:
    page = answered(bank.visitor(ApiScope.RETRIEVE, subject="user:nora"))
    assert "There is nothing to answer from" in page.locator("#answer").inner_text()
    keep(page, "nothing-light")


def test_no_other_site_can_send_a_form_or_frame_a_page(bank: Service) -> None:
    visitor = bank.visitor(ApiScope.RETRIEVE)
    page = visitor.signed_in("/console/ask")
    other = visitor.site.replace("127.0.0.1", "localhost")
    evil = (
        f"<!doctype html><form method=post action={visitor.site}/console/ask>"
        "<input name=query value=planted><button>go</button></form>"
        f"<iframe src={visitor.site}/console/ask></iframe>"
    )
    page.route(f"{other}/evil", lambda route: route.fulfill(body=evil, content_type="text/html"))
    page.goto(f"{other}/evil")
    # Chromium shows a page of its own where the frame is refused.
    assert all("Question" not in frame.content() for frame in page.frames)
    page.get_by_role("button", name="go").click()
    page.get_by_role("heading", name="Form of another site").wait_for()


def test_a_printed_answer_is_the_answer_alone(bank: Service) -> None:
    page = answered(bank.visitor(ApiScope.RETRIEVE))
    page.emulate_media(media="print")
    assert not page.get_by_role("button", name="Ask").is_visible()
    assert not page.get_by_role("navigation").is_visible()
    assert QUESTION in page.locator(".asked").inner_text()
    assert page.locator("#e1").is_visible()
