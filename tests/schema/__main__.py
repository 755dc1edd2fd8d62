"""``make schemathesis``: send thousands of requests, and say of which operation how many."""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from pathlib import Path

import requests
import structlog
from rich.console import Console
from schemathesis.core.failures import FailureGroup

from tests.schema.cases import operations, try_out
from tests.schema.world import target
from tests.support.catalogue import SqliteBlank


def main() -> int:
    """Ask every operation, and go on after one that fails; 1 if any does."""
    parser = argparse.ArgumentParser(prog="python -m tests.schema", description=__doc__)
    parser.add_argument("--examples", type=int, default=100, help="requests of each operation")
    examples = parser.parse_args().examples
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    warnings.simplefilter("ignore")  # of patterns it cannot read
    console, failed, sent = Console(soft_wrap=True), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        blank = SqliteBlank.make(Path(folder) / "blank.sqlite")
        with target(blank, Path(folder) / "world") as service:
            document = requests.get(f"{service.url}/openapi.json", timeout=30).json()
            for operation in operations(document):
                try:
                    count = try_out(operation, service, examples=examples)
                # The others are asked all the same. What schemathesis raises is no Exception.
                except (Exception, FailureGroup) as error:  # noqa: BLE001 - see above
                    failed += 1
                    console.print(f"[red]failed[/] {operation.label}\n{_told(error)}")
                else:
                    sent += count
                    console.print(f"{count:6} {operation.label}")
    console.print(f"{sent} requests, {failed} operations failed")
    return 1 if failed else 0


def _told(error: BaseException) -> str:
    """What was wrong; of a group, each."""
    if isinstance(error, BaseExceptionGroup):
        return "\n".join(_told(one) for one in error.exceptions)
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
