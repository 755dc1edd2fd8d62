"""The quality of a period as one page that needs nothing else: charts and tables in one file.

No script, no font and no picture is fetched: charts are drawn beforehand. Names from records stand
in it as text, escaped, and the page may run nothing.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

from retrieval.quality import charts, drift_charts, source_charts
from retrieval.quality.checked import citation_outcomes
from retrieval.quality.drift import attribute, drift
from retrieval.quality.extra import renderer
from retrieval.quality.rates import status_rates
from retrieval.quality.style import percent
from retrieval.quality.worst import next_steps, worst_questions
from retrieval.status import Status

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from retrieval.quality.records import Records

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE: Final = """
body{font:15px/1.55 system-ui,"Liberation Sans",Arial,sans-serif;color:#1f2933;background:#f1f2f0;
margin:0;padding:32px 16px}
main{max-width:860px;margin:auto}h1{font-size:26px;margin:0 0 4px}
h2{font-size:19px;margin:40px 0 8px}
p{margin:6px 0 14px;color:#5f6c7b;max-width:70ch}
figure{margin:12px 0;background:#fbfbfa;border:1px solid #dfe4ea;border-radius:8px;overflow:hidden}
figure svg{display:block;width:100%;height:auto}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:20px 0}
.tile{background:#fbfbfa;border:1px solid #dfe4ea;border-radius:8px;padding:12px 16px}
.tile b{display:block;font-size:24px}.tile span{color:#5f6c7b;font-size:13px}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:13.5px;background:#fbfbfa;width:100%}
th,td{text-align:left;padding:6px 10px;border-bottom:1px solid #dfe4ea;vertical-align:top}
th{color:#5f6c7b;font-weight:600}td.n{text-align:right;font-variant-numeric:tabular-nums}
"""
_HOW_TO_READ: Final = (
    "<h2>What changed</h2><p>An interval that leaves out 0 is a change. Beside it stands where "
    "most of it lies, which is where to look.</p>"
)
_OF_QUESTIONS: Final = (
    "<h2>Questions most often left without full evidence</h2><p>Questions are digests. Their "
    "words stay with the callers.</p>"
)


def report(records: Records, *, since: datetime, until: datetime) -> str:
    """The page.

    Args:
        records: from well before ``since`` on, so that there is something to compare with.
        since: where the period that is reported on begins; aware.
        until: where it ends; aware.

    Raises:
        MissingExtraError: altair or pandas is not installed.
    """
    period = records.between(since, until)
    changes = drift(records.between(until=until), at=since)
    span = f"{since:%d %b %Y} to {until:%d %b %Y} UTC, against what is kept from before"
    parts = [
        f"<h1>Citation quality</h1><p>{span}. {escape(str(records.origin))}.</p>",
        _tiles(period),
        _HOW_TO_READ,
        _figure(drift_charts.changes(changes)),
        *_causes(records.between(until=until), changes, since),
        "<h2>How answers stand</h2>",
        _figure(charts.status_by_tenant(period.retrievals)),
        _figure(charts.reasons(period.retrievals)),
        "<h2>Sources</h2>",
        _figure(source_charts.coverage(period.evidence, records.sources)),
        _figure(source_charts.freshness(period.evidence)),
        "<h2>Is relevance what it says?</h2>",
        _figure(drift_charts.calibration(period)),
        "<h2>What became of citations</h2>",
        _table(_outcomes(period)),
        _OF_QUESTIONS,
        _table(_worst(period)),
        "<h2>What to do</h2>",
        _table(next_steps(period.retrievals)),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Citation quality</title><style>{_STYLE}</style></head><body><main>"
        + "\n".join(parts)
        + "</main></body></html>\n"
    )


def _tiles(period: Records) -> str:
    rates = status_rates(period.retrievals, by=()).set_index("status")["rate"]
    outcomes = period.claims
    supported = (outcomes["verdict"] == "supported").mean() if len(outcomes) else None
    tiles = [("queries", f"{len(period.retrievals):,}")]
    if len(rates):
        tiles += [
            ("with full evidence", percent(rates[Status.OK.value])),
            ("without evidence", percent(rates[Status.NO_EVIDENCE.value])),
        ]
    tiles.append(("claims checked", f"{len(outcomes):,}"))
    if supported is not None:
        tiles.append(("of them supported", percent(float(supported))))
    inside = "".join(
        f'<div class="tile"><b>{figure}</b><span>{words}</span></div>' for words, figure in tiles
    )
    return f'<div class="tiles">{inside}</div>'


def _causes(records: Records, changes: pd.DataFrame, since: datetime) -> list[str]:
    """The two gravest changes whose place is known, taken apart."""
    named = changes[(changes["verdict"] == "worse") & changes["cause"].notna()]
    gravest = named.reindex(named["change"].abs().sort_values(ascending=False).index).head(2)
    parts = []
    for row in gravest.itertuples():
        table = attribute(records, row.metric, at=since, by=row.dimension)
        parts.append(_figure(drift_charts.where_it_lies(table, row.metric, row.dimension)))
        lines = drift_charts.over_time(records, row.metric, by=row.dimension, mark=since)
        parts.append(_figure(lines))
    return parts


def _outcomes(period: Records) -> pd.DataFrame:
    table = citation_outcomes(period.claims, by=[])
    return table[["outcome", "count", "total", "rate", "low", "high"]]


def _worst(period: Records) -> pd.DataFrame:
    table = worst_questions(period.retrievals, limit=10)
    return table.assign(query=table["query"].str[:12])[
        ["tenant", "query", "asked", "no_evidence", "degraded", "callers", "reasons"]
    ]


def _figure(chart: Any) -> str:
    return f"<figure>{renderer().vegalite_to_svg(chart.to_json())}</figure>"


def _table(table: pd.DataFrame) -> str:
    if table.empty:
        return "<p>Nothing in this period.</p>"
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in table.columns)
    rows = "".join(
        "<tr>" + "".join(_cell(value) for value in row) + "</tr>"
        for row in table.itertuples(index=False)
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{rows}</table></div>'


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return f"<td>{escape(value)}</td>"
    number = float(value) if isinstance(value, int | float) or hasattr(value, "item") else None
    if number is None or number != number:  # noqa: PLR0124 - NaN differs from itself
        return "<td></td>"
    shown = f"{number:,.0f}" if number == int(number) else f"{number:.3f}"
    return f'<td class="n">{shown}</td>'
