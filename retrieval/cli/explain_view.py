"""How an explanation is shown: a verdict, and under it a tree of the ways that lead to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from rich.tree import Tree

from retrieval.cli.output import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from acl.admin.explain import Explanation, Part, Step
    from retrieval.explained import Explained

_GOOD, _BAD, _SPENT = "green", "red", "dim"


def print_explained(screen: Console, said: Explained, changes: Sequence[str]) -> None:
    """Print an explanation; with changes, as things are and as they would be."""
    document = said.document
    about = (
        f"ACL {said.now.acl}"
        if document is None
        else f"{document.source}/{document.external_id} ({document.title}), under {said.now.acl}"
    )
    screen.print(Text(one_line(about)), soft_wrap=True)
    screen.print(_tree(said.now, "as things are" if said.then else ""))
    if said.then is not None:
        screen.print(_tree(said.then, "with " + "; ".join(changes)))
        moved = said.now.visible != said.then.visible
        screen.print(
            "the change makes the difference" if moved else "the change makes no difference",
            style="bold" if moved else "dim",
        )


def _tree(said: Explanation, when: str) -> Tree:
    people = " for ".join(str(part.principal) for part in reversed(said.parts))
    verb = "sees it" if said.visible else "does not see it"
    root = Text.assemble(
        ("✓ " if said.visible else "✗ ", f"bold {_GOOD if said.visible else _BAD}"),
        (one_line(f"{people} {verb}"), "bold"),
        (f"  {one_line(when)}", "dim"),
    )
    tree = Tree(root)
    own = {reason for part in said.parts for reason in part.reasons}
    for reason in said.reasons:
        if reason not in own:
            tree.add(Text(f"✗ {one_line(reason.message)}", style=_BAD))
    for part in said.parts:
        _add_part(tree if len(said.parts) == 1 else tree.add(_part_line(part)), part)
    if len(said.chain) > 1:
        tree.add(Text(f"inherits: {' ← '.join(map(one_line, said.chain))}", style="dim"))
    return tree


def _part_line(part: Part) -> Text:
    mark, style = ("✓ ", _GOOD) if not part.reasons else ("✗ ", _BAD)
    return Text.assemble((mark, style), one_line(f"{part.principal} ({part.role})"))


def _add_part(tree: Tree, part: Part) -> None:
    from acl.admin.explain import Cause

    told = {Cause.DENIED, *(step.cause for step in part.steps if not step.counts)}
    for step in part.steps:
        _add_step(tree, step)
    for reason in part.reasons:
        if reason.cause not in told:  # what a step shows need not be said once more
            tree.add(Text(f"✗ {one_line(reason.message)}", style=_BAD))


def _add_step(tree: Tree, step: Step) -> None:
    denies = step.entry.effect.value == "deny"
    style = _SPENT if not step.counts else _BAD if denies else _GOOD
    mark = "·" if not step.counts else "✗" if denies else "✓"
    line = f"{mark} {step.entry.effect} {step.entry.principal} on {step.acl}"
    if step.entry.expires_at is not None:
        line += f", until {step.entry.expires_at:%Y-%m-%d %H:%M} UTC"
    if step.cause is not None:
        line += f" ({step.cause.value.replace('_', ' ')})"
    branch = tree.add(Text(one_line(line), style=style))
    if len(step.through) > 1:
        branch.add(Text(f"through {' → '.join(map(one_line, step.through))}"))
    if len(step.inherited) > 1:
        branch.add(Text(f"inherited {' → '.join(map(one_line, step.inherited))}"))
