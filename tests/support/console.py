"""A browser as far as HTTP goes: it carries the cookie, says where its forms come from, and knows
the mark of its session."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from acl.caller import ApiScope
from acl.identity.keys import create_key
from acl.principal import Principal
from tests.support.installation import TENANT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastapi.testclient import TestClient
    from httpx2 import Response

    from tests.support.installation import Installation

SITE: Final = "http://testserver"
_MARK: Final = re.compile(r'name="mark" value="([0-9a-f]{64})"')


def key_for(
    world: Installation,
    subject: str = "user:ann",
    *scopes: ApiScope,
    tenant: str = TENANT,
    actor: str | None = None,
) -> str:
    """A new key; for everything there is, if no scope is given."""
    with world.change(tenant) as session:
        return create_key(
            session,
            tenant,
            Principal.parse(subject),
            api_scopes=scopes or tuple(ApiScope),
            actor=None if actor is None else Principal.parse(actor),
            now=world.clock(),
        ).token


@dataclass
class Browser:
    """One person's browser.

    Attributes:
        client: the way to the service; used for one browser alone.
        mark: what the forms of its session carry.
        carried: the value of its cookie, if it was not begun by signing in.
        number: of the next request, which is its id: the same in any two browsers that do the same.
    """

    client: TestClient
    mark: str = ""
    carried: str = field(default="", repr=False)
    number: int = field(default=0)

    def get(self, path: str, **parameters: Any) -> Response:
        """Follow a link."""
        asked = f"{path}?{urlencode(parameters)}" if parameters else path
        return self.client.get(asked, headers=self._headers(), follow_redirects=False)

    def send(
        self,
        path: str,
        fields: dict[str, str] | Iterable[tuple[str, str]] = (),
        *,
        headers: dict[str, str] | None = None,
        mark: str | None = None,
    ) -> Response:
        """Send a form of the console."""
        pairs = list(fields.items() if isinstance(fields, dict) else fields)
        pairs.append(("mark", self.mark if mark is None else mark))
        return self._post(path, pairs, {"Origin": SITE} if headers is None else headers)

    def sign_in(self, token: str) -> Response:
        """Begin a session, and learn its mark."""
        reply = self._post("/console/sign-in", [("token", token)], {"Origin": SITE})
        if reply.status_code == 303:
            shown = self.get("/console/nowhere")
            self.mark = _MARK.findall(shown.text)[0]
        return reply

    def ask(self, query: str, **fields: str) -> Response:
        """Ask a question; also for what is unlikely to bear on it."""
        return self.send("/console/ask", {"query": query, "weak": "1", **fields})

    @property
    def cookies(self) -> dict[str, str]:
        """What it carries."""
        return dict(self.client.cookies)

    def _post(self, path: str, pairs: list[tuple[str, str]], headers: dict[str, str]) -> Response:
        sent = {**self._headers(), "Content-Type": "application/x-www-form-urlencoded", **headers}
        return self.client.post(
            path, content=urlencode(pairs), headers=sent, follow_redirects=False
        )

    def _headers(self) -> dict[str, str]:
        self.number += 1
        cookie = {"Cookie": f"clearance-console={self.carried}"} if self.carried else {}
        return {"X-Request-ID": f"r{self.number}", **cookie}


def shown(reply: Response) -> str:
    """The text of a page as a reader has it: without tags, entities resolved."""
    text = re.sub(r"<[^>]*>", " ", reply.text)
    return " ".join(html.unescape(text).split())
