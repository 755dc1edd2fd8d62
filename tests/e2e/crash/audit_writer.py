"""A process that puts events on record and says each one it was told is durable.

Arguments: the URL of the audit, a name, and how many events each of its threads records.
"""

from __future__ import annotations

import sys
import threading

from acl.audit.events import Event
from acl.audit.ledger import Ledger
from acl.orm import Database, utc_now

THREADS = 4


def main(url: str, name: str, count: int) -> None:
    """Record from several threads at once, so that commits are shared."""
    ledger = Ledger(Database(url), clock=utc_now)

    def record(thread: int) -> None:
        for number in range(count):
            said = f"{name}/{thread}/{number}"
            ledger.record("bank", Event("denial", {"said": said}))
            # One write for a line: lines of several threads must not mix.
            sys.stdout.write(f"{said}\n")
            sys.stdout.flush()

    threads = [threading.Thread(target=record, args=(thread,)) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
