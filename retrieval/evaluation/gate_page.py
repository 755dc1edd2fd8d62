"""A gate's result as Markdown for a pull request: what was decided, in a table and in pictures.

What is drawn with characters shows wherever Markdown does, and nothing has to be fetched. Where
there is a picture beside the page (:mod:`retrieval.evaluation.gate_chart`), it comes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from retrieval.evaluation.thresholds import Limit

if TYPE_CHECKING:
    from retrieval.evaluation.gate import GateResult, Judgement

_WIDTH: Final = 41
_MIDDLE: Final = _WIDTH // 2
_LEGEND: Final = (
    "From the baseline to the candidate with a 95 % interval; `│` is no difference, `▒` what is "
    "tolerated."
)


def page(result: GateResult, *, picture: str | None = None) -> str:
    """The whole page.

    Args:
        result: what was decided.
        picture: the name of a file beside the page that shows the differences, if there is one.
    """
    refused = [one.rule.figure for one in result.judgements if not one.passed]
    verdict = "passes" if result.passed else f"is refused: {', '.join(refused)}"
    made = result.candidate.candidate
    was = result.baseline.candidate
    parts = [
        f"# The candidate {verdict}",
        "Candidate: "
        + ", ".join(f"{name} {value}" for name, value in made.items())
        + "; baseline: "
        + ", ".join(f"{name} {value}" for name, value in was.items() if made.get(name) != value)
        + ("the same" if made == was else "")
        + ".",
        _table(result),
        "## Differences, question by question",
        *_drawn(result, picture),
        "## Thresholds",
        "\n".join(
            f"- `{one.rule.figure}` {one.rule.limit} {one.rule.by:g}. {one.rule.reason}"
            for one in result.judgements
        ),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(result: GateResult) -> str:
    lines = ["| figure | baseline | candidate | | what was found |", "|---|--:|--:|---|---|"]
    lines += [
        f"| {one.rule.figure} | {_number(one.baseline)} | {_number(one.candidate)} "
        f"| {'holds' if one.passed else '**refused**'} | {one.detail} |"
        for one in result.judgements
    ]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _drawn(result: GateResult, picture: str | None) -> list[str]:
    """The differences: a picture with the characters folded away, or the characters alone."""
    characters = [_LEGEND, _chart(result)]
    if picture is None:
        return characters
    return [
        f"![Differences from the baseline, question by question]({picture})",
        "<details><summary>The same in characters</summary>",
        *characters,
        "</details>",
    ]


def _chart(result: GateResult) -> str:
    shown = [one for one in result.judgements if one.low is not None and one.high is not None]
    if not shown:
        return "No figure has questions to compare one by one."
    widest = max(
        max(abs(one.low or 0.0), abs(one.high or 0.0), 2 * one.rule.by, 0.02) for one in shown
    )
    names = max(len(one.rule.figure) for one in shown)
    lines = [f"{one.rule.figure:<{names}} {_bar(one, widest)}" for one in shown]
    scale = f"{'':<{names}} {-widest:<+{_MIDDLE}.3f}0{widest:>+{_MIDDLE}.3f}"
    return "```\n" + "\n".join([*lines, scale]) + "\n```"


def _bar(one: Judgement, widest: float) -> str:
    """Tolerance, then the interval over it, then the difference itself."""
    cells = [" "] * _WIDTH
    falling = one.rule.limit is Limit.FALLS_BY
    ends = (-one.rule.by, 0.0) if falling else (0.0, one.rule.by)
    for place in range(_place(ends[0], widest), _place(ends[1], widest) + 1):
        cells[place] = "▒"
    cells[_MIDDLE] = "│"
    for place in range(_place(one.low or 0.0, widest), _place(one.high or 0.0, widest) + 1):
        cells[place] = "─"
    difference = (one.candidate or 0.0) - (one.baseline or 0.0)
    cells[_place(difference, widest)] = "●" if one.passed else "✖"
    return "".join(cells)


def _place(value: float, widest: float) -> int:
    share = max(-1.0, min(1.0, value / widest))
    return round(_MIDDLE + share * _MIDDLE)
