"""A real browser, the system's Chromium, before a service on this machine.

Nothing is downloaded: where no Chromium is found, these tests are skipped and say so. The browser
may reach this machine alone, and every test ends by looking at what it tried.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.sync_api import sync_playwright

from retrieval.api.app import create_app
from tests.browser.bank import furnish
from tests.support.console import key_for
from tests.support.hostile import hostile_bank
from tests.support.installation import Installation
from tests.support.web import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.support.catalogue import SqliteBlank

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDE: Final = {"width": 1180, "height": 820}


def chromium() -> str | None:
    """Where a Chromium is: what CLEARANCE_TEST_CHROMIUM names, or one on the path."""
    named = os.environ.get("CLEARANCE_TEST_CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here."""
    for item in items:
        if "tests/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)


# While it is open, a loop runs in this thread: another module's could not. So it ends with each.
@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    path = chromium()
    if path is None:
        pytest.skip(
            "no Chromium found: install one (apt-get install chromium), or name it in "
            "CLEARANCE_TEST_CHROMIUM"
        )
    with sync_playwright() as playwright:
        # Without a sandbox of its own, which it cannot make as root in a container.
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@dataclass
class Visitor:
    """A person at a browser.

    Attributes:
        site: where the service is.
        token: to sign in with.
        context: their browser, which shares nothing with others.
        dialogs: what popped up.
        strayed: addresses the browser asked for that are not the service's.
        complaints: what the console of the browser says.
    """

    site: str
    token: str
    context: BrowserContext
    dialogs: list[str] = field(default_factory=list)
    strayed: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str = "/console") -> Page:
        """A new tab."""
        page = self.context.new_page()
        page.goto(self.site + path)
        return page

    def signed_in(self, path: str = "/console/ask") -> Page:
        """A new tab after signing in."""
        page = self.open("/console/sign-in")
        page.get_by_label("API key or token").fill(self.token)
        page.get_by_role("button", name="Sign in").click()
        page.goto(self.site + path)
        return page

    def watch(self) -> None:
        """Note everything that should not be."""

        def dismiss(dialog: Any) -> None:
            self.dialogs.append(dialog.message)
            dialog.dismiss()

        def note(request: Any) -> None:
            if not request.url.startswith(self.site):
                self.strayed.append(request.url)

        self.context.on("dialog", dismiss)
        self.context.on("request", note)
        self.context.on("console", lambda message: self.complaints.append(message.text))


class Service:
    """A running service, and browsers of people who visit it."""

    def __init__(self, chrome: Browser, world: Installation, site: str) -> None:
        self.chrome, self.world, self.site = chrome, world, site

    def visitor(self, *scopes: Any, subject: str = "user:ann", **options: Any) -> Visitor:
        """Somebody with a token for ``scopes``, or for everything; options are the browser's."""
        context = self.chrome.new_context(
            viewport=options.pop("viewport", WIDE), locale="en-GB", timezone_id="UTC", **options
        )
        context.set_default_timeout(20_000)
        visitor = Visitor(self.site, key_for(self.world, subject, *scopes), context)
        visitor.watch()
        return visitor


@pytest.fixture(scope="module")
def bank(
    chrome: Browser, sqlite_catalogue: SqliteBlank, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A bank with something of everything."""
    home: Path = tmp_path_factory.mktemp("bank")
    with Installation.open(sqlite_catalogue, home / "data") as world:
        furnish(world)
        with serving(create_app(world.runtime)) as site:
            yield Service(chrome, world, site)


@pytest.fixture(scope="module")
def hostile(
    chrome: Browser, sqlite_catalogue: SqliteBlank, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A bank whose every text is an attempt at a browser."""
    home: Path = tmp_path_factory.mktemp("hostile")
    with Installation.open(sqlite_catalogue, home / "data") as world:
        hostile_bank(world)
        with serving(create_app(world.runtime)) as site:
            yield Service(chrome, world, site)
