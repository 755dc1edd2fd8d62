"""What a run tells: counts, status, and JSON that anything can read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ingestion.documents import SourceFailure
from ingestion.report import RunReport, RunStatus
from ingestion.writer import BatchResult
from tests.support.clock import HOUR, NOON

FAILURE = SourceFailure("a.md", "empty", "the file is empty; remove it")


def report(**fields: object) -> RunReport:
    return replace(RunReport("run-1", "bank", "wiki", NOON), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("failures", "held", "status"),
    [([], 0, RunStatus.OK), ([FAILURE], 0, RunStatus.PARTIAL), ([], 1, RunStatus.PARTIAL)],
)
def test_a_run_is_complete_unless_something_failed_or_is_held(
    failures: list[SourceFailure], held: int, status: RunStatus
) -> None:
    done = report(failures=failures, held_deletions=held).finish(NOON + HOUR)
    assert (done.status, done.finished_at) == (status, NOON + HOUR)


def test_batches_add_up() -> None:
    running = report()
    for result in (BatchResult(3, 1, 2), BatchResult(1, 0, 5)):
        running.count(result)
    added, removed, same = (
        running.chunks_added,
        running.chunks_removed,
        running.chunks_deduplicated,
    )
    assert (added, removed, same) == (4, 1, 7)


def test_a_report_is_json_with_times_as_text_and_failures_as_objects() -> None:
    told = json.loads(json.dumps(report(failures=[FAILURE]).to_dict()))
    assert told["started_at"] == NOON.isoformat()
    assert told["finished_at"] is None
    assert (told["status"], told["failed"]) == ("running", 1)
    assert told["failures"] == [
        {"external_id": "a.md", "code": "empty", "message": "the file is empty; remove it"}
    ]
