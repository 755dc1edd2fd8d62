"""When keys were last used: noted in memory, written now and then, and never waited for.

For operators who look for keys that nobody needs any more. It decides nothing, so losing the last
minutes of it in a crash, or a write that fails, costs a figure and nothing else.
"""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import or_, update
from sqlalchemy.exc import SQLAlchemyError

from acl.models import ApiKeyRow

if TYPE_CHECKING:
    from datetime import datetime

    from acl.caller import Caller
    from acl.orm import Database

INTERVAL: Final = timedelta(minutes=5)
"""A key's use is written at most this often."""

_VIA: Final = "key:"
_LOG = logging.getLogger(__name__)


class KeyUse:
    """Notes the use of keys and writes it in the background. Thread-safe.

    Args:
        database: with the keys.
        pause_seconds: uses are gathered for so long before they are written together.
    """

    def __init__(self, database: Database, *, pause_seconds: float = 5.0) -> None:
        self._database = database
        self._pause = pause_seconds
        self._written: dict[tuple[str, str], datetime] = {}
        self._waiting: dict[tuple[str, str], datetime] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, caller: Caller, *, at: datetime) -> None:
        """Remember that the key ``caller`` came with was used; any other caller is passed over."""
        if not caller.via.startswith(_VIA):
            return
        key = (caller.tenant, caller.via.removeprefix(_VIA))
        last = self._written.get(key)
        if last is not None and at - last < INTERVAL:
            return
        with self._lock:
            self._written[key] = self._waiting[key] = at
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._run, name="key-use", daemon=True)
                self._thread.start()

    def flush(self) -> None:
        """Write what was noted so far."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for tenant in sorted({tenant for tenant, _ in waiting}):
            own = {key_id: at for (of, key_id), at in waiting.items() if of == tenant}
            with self._database.write(tenant) as session:
                for key_id, at in sorted(own.items()):
                    session.execute(
                        update(ApiKeyRow)
                        .where(ApiKeyRow.key_id == key_id)
                        # Another process may have written a later use.
                        .where(or_(ApiKeyRow.last_used_at.is_(None), ApiKeyRow.last_used_at < at))
                        .values(last_used_at=at),
                        execution_options={"synchronize_session": False},
                    )

    def close(self) -> None:
        """Write what is left and end the thread."""
        self._closing.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(timeout=10)
        if thread is None or not thread.is_alive():  # else it waits for a lock, as we would
            self._flush_quietly()

    def _run(self) -> None:
        while not self._closing.wait(self._pause):
            if self._waiting:
                self._flush_quietly()

    def _flush_quietly(self) -> None:
        try:
            self.flush()
        except SQLAlchemyError:
            _LOG.warning("the last use of some keys could not be written")
