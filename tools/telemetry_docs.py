"""The reference page of what operators are told: metrics, spans and their attributes."""

from collections.abc import Callable, Iterable
from typing import Final

from retrieval.installation_gauges import MEDIA_TYPE
from retrieval.metrics.families import FAMILIES, Family, Label, exposed
from retrieval.source_gauges import GAUGES, SOURCES, STATE
from retrieval.tracing import names

Table = Callable[[Iterable[str], Iterable[Iterable[str]]], str]

MANY: Final = 12
"""Values of a label beyond which a page of their own lists them."""

_ALL: Final = (
    f"`GET /metrics` answers with all of these as `{MEDIA_TYPE.partition(';')[0]}`. Prometheus "
    "adds `_total` to the name of a counter, and `_bucket`, `_count` and `_sum` to that of a "
    "histogram. A value that is not in a label's list is counted as `other`. What they mean and "
    "how to watch them: [Telemetry](telemetry.md)."
)
_SOURCES: Final = (
    "Gauges, one series a source. `source` is a keyed digest; `clearance status --json` shows it "
    "beside the name."
)
_PROCESSES: Final = (
    "`process_*` are those of the service, `clearance_index_process_*` those of the index process "
    "while one runs: `cpu_seconds_total`, `resident_memory_bytes`, `virtual_memory_bytes`, "
    "`open_fds`, `max_fds`, `start_time_seconds`."
)


def parts(table: Table) -> tuple[str, ...]:
    """The page, part by part; ``table`` makes a Markdown table."""
    return (
        _ALL,
        "## Metrics",
        table(
            ("metric", "kind", "labels", "meaning"),
            ((*_row(name, family),) for name, family in FAMILIES.items()),
        ),
        "## Sources",
        _SOURCES,
        table(
            ("metric", "labels", "meaning"),
            (
                (f"`{SOURCES}`", "", "Sources, those beyond the first thousand too."),
                *((f"`{name}`", "`source`", said) for name, (said, _) in GAUGES.items()),
                (f"`{STATE}`", "`source`, `state`", "1 for the state the source is in."),
            ),
        ),
        "## Processes",
        _PROCESSES,
        "## Spans",
        table(("span", "what it is"), ((f"`{name}`", said) for name, said in names.SPANS.items())),
        "## Attributes of spans",
        "No span carries anything else: no events, no words of errors, no `tracestate`.",
        table(
            ("attribute", "meaning"),
            ((f"`{name}`", said) for name, said in names.ATTRIBUTES.items()),
        ),
    )


def _row(name: str, family: Family) -> Iterable[str]:
    labels = "; ".join(_label(label, row) for label, row in family.labels.items())
    first = exposed(name)[0].removesuffix("_bucket")
    return f"`{first}`", family.kind.value, labels, family.said


def _label(name: str, label: Label) -> str:
    if label.values is None or len(label.values) > MANY:
        return f"`{name}`: {label.said[0].lower()}{label.said[1:].removesuffix('.')}"
    return f"`{name}`: {', '.join(f'`{value}`' for value in label.values)}"
