"""How a plan is shown: what changes, and who sees more or less for it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from retrieval.cli.output import counted, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from acl.admin.plan import Plan, Shift

SHOWN_CHANGES: Final = 40
SHOWN_ACLS: Final = 40
SHOWN_NAMES: Final = 5


def print_plan(screen: Console, plan: Plan, *, planned: bool) -> None:
    """Print a plan, or what was done."""
    from acl.admin.changes import lines_of

    if plan.empty:
        screen.print("nothing to change")
        return
    lines = list(lines_of(plan.changes))
    screen.print("would change" if planned else "changed", style="bold")
    for line in islice(lines, SHOWN_CHANGES):
        screen.print(Text(f"  {one_line(line)}"), soft_wrap=True)
    _more(screen, len(lines) - SHOWN_CHANGES, "change")
    if not plan.shifts:
        screen.print("nobody sees more or less for it", style="green")
        return
    screen.print(_audiences(plan.shifts))
    _more(screen, len(plan.shifts) - SHOWN_ACLS, "ACL")
    gaining = {name for shift in plan.shifts if shift.guards for name in shift.gains}
    losing = {name for shift in plan.shifts if shift.guards for name in shift.loses}
    screen.print(
        f"of those who can ask, {len(gaining):,} come to see documents they did not, and "
        f"{len(losing):,} cease to see documents they did",
        soft_wrap=True,
    )


def _audiences(shifts: Sequence[Shift]) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("acl", "documents", "gains", "loses"):
        shown.add_column(heading, overflow="fold")
    for shift in shifts[:SHOWN_ACLS]:
        shown.add_row(
            Text(one_line(shift.acl)),
            "yes" if shift.guards else "none yet",
            Text(_names(shift.gains), style="green"),
            Text(_names(shift.loses), style="red"),
        )
    return shown


def _names(names: Sequence[str]) -> str:
    if not names:
        return "-"
    first = ", ".join(one_line(name) for name in names[:SHOWN_NAMES])
    more = len(names) - SHOWN_NAMES
    return f"{len(names):,}: {first}{f' and {more:,} more' if more > 0 else ''}"


def _more(screen: Console, count: int, noun: str) -> None:
    if count > 0:
        screen.print(f"  and {counted(count, noun)} more", style="dim")
