"""One of the two services: ``python -m tests.security.attacker.service``, told by a line of JSON.

It holds everything the attacker may see, and those of the forbidden documents that it is told to.
It prints one line of JSON when it listens, and stops when its input ends.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import uvicorn
from sqlalchemy import select

from acl.caller import ApiScope
from acl.identity.keys import create_key
from acl.principal import Principal
from ingestion.models import ChunkRow
from retrieval.api.app import create_app
from tests.security.attacker.documents import ATTACKER, forbidden, shown
from tests.support.catalogue import SqliteBlank
from tests.support.installation import TENANT, Installation
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Iterable


def main() -> None:
    """Serve until the input ends."""
    held = json.loads(sys.stdin.readline())
    with TemporaryDirectory(prefix="attacked-") as directory:
        blank = SqliteBlank.make(Path(directory) / "blank.sqlite")
        with Installation.open(blank, Path(directory) / "data") as installation:
            token = _furnish(installation, held)
            listening = socket.create_server(("127.0.0.1", 0))
            server = uvicorn.Server(
                uvicorn.Config(create_app(installation.runtime), log_level="error")
            )
            thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
            thread.start()
            ready: dict[str, Any] = {"port": listening.getsockname()[1], "token": token}
            print(json.dumps({**ready, "ids": _ids(installation)}), flush=True)  # noqa: T201 - to whoever started us
            # What it logs is for nobody; a pipe that nobody empties would stop it in the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.stdin.read()
            server.should_exit = True
            thread.join(timeout=10)


def _furnish(installation: Installation, held: Iterable[int]) -> str:
    """The attacker's own documents, the forbidden ones held here, and a key for the attacker."""
    installation.know(ATTACKER, "user:owner")
    specs = [acl("open", allow(ATTACKER)), acl("closed", allow("user:owner"))]
    shelf = {f"shown-{n}.txt": Shelved(text, "open") for n, text in enumerate(shown())}
    shelf |= {f"forbidden-{n}.txt": Shelved(forbidden(n), "closed") for n in held}
    installation.ingest(ListedSource("wiki", specs, shelf))
    with installation.change() as session:
        return create_key(
            session,
            TENANT,
            Principal.parse(ATTACKER),
            api_scopes=[ApiScope.RETRIEVE, ApiScope.VERIFY],
            now=installation.clock(),
        ).token


def _ids(installation: Installation) -> dict[str, str]:
    """The id of every forbidden chunk here, by its text: suppose the attacker has heard of them."""
    with installation.runtime.database.unguarded("the attacker is given every id") as session:
        rows = session.execute(select(ChunkRow.text, ChunkRow.id))
        return {text: ident for text, ident in rows if text.startswith("Project ")}


if __name__ == "__main__":
    main()
