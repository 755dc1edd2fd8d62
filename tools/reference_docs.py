"""Write the reference pages of ``docs/`` from the code they describe.

``make docs`` writes them; a test compares them with what would be written, so a page cannot fall
behind. What never lives here: prose about how things are meant; that is written by hand.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import typer.main
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from retrieval.api import problems
from retrieval.cli.app import app
from retrieval.cli.exits import Exit
from retrieval.issuers import IssuerSettings
from retrieval.settings import Settings
from retrieval.status import TABLE, Action, ReasonCode, conclude
from tools import telemetry_docs
from tools.surface_docs import mcp, openapi

DOCS: Final = Path(__file__).parents[1] / "docs"

_NOTE: Final = "<!-- Written by `make docs`. Change the code it names, not this page. -->"


def page(title: str, source: str, *parts: str) -> str:
    """A whole page: title, where it comes from, and its parts with a blank line between them."""
    return "\n\n".join((f"# {title}", _NOTE, f"From `{source}`.", *parts)) + "\n"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def reasons() -> str:
    """Every status, action and reason."""
    outcomes = table(
        ("status", "action", "when"),
        (
            (*map(_code, conclude((), evidence=True)), "there is evidence and no reason against"),
            (
                *map(_code, conclude([ReasonCode.STALE_EVIDENCE], evidence=True)),
                "there is evidence, and at least one reason",
            ),
            (
                *map(_code, conclude([ReasonCode.NO_MATCH], evidence=False)),
                "there is none, and asking again would not change that",
            ),
            (
                *map(_code, conclude([ReasonCode.STALE_EVIDENCE], evidence=False)),
                "there is none, and at least one reason passes with time",
            ),
        ),
    )
    codes = table(
        ("code", "message", "if no evidence is left"),
        (
            (_code(code), row.message, _code(Action(row.without_evidence)))
            for code, row in TABLE.items()
        ),
    )
    return page(
        "Statuses, actions and reasons",
        "retrieval/status.py",
        "Every answer has one status and one action. Branch on `action`; tell people `reasons`.",
        outcomes,
        "## Reasons",
        codes,
    )


def settings() -> str:
    """Every setting."""
    return page(
        "Settings",
        "retrieval/settings.py",
        "All settings are environment variables. `clearance --data-dir DIR` and the options of "
        "`clearance serve` stand above them.",
        table(
            ("variable", "default", "meaning"),
            (
                (f"`CLEARANCE_{name.upper()}`", _default(field), field.description or "")
                # Those of a base class stand behind the others.
                for name, field in sorted(Settings.model_fields.items(), key=_inherited)
            ),
        ),
        "## An issuer",
        "`CLEARANCE_ISSUERS` is a JSON list of these. [Keys and tokens](tokens.md) shows how.",
        table(
            ("field", "default", "meaning"),
            (
                (_code(name), _default_of_issuer(field), field.description or "")
                for name, field in IssuerSettings.model_fields.items()
            ),
        ),
    )


def _inherited(item: tuple[str, FieldInfo]) -> bool:
    return item[0] not in Settings.__annotations__


def _default_of_issuer(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if isinstance(default, dict):
        return _code(", ".join(default))
    return _default(field) if default else "none"


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return (field.default_factory.__doc__ or "").replace("``", "`").rstrip(".")
    if field.default is None:
        return "none"
    assert field.default is not PydanticUndefined, "every setting has a safe default"  # noqa: S101
    return _code(field.default)


def problem_codes() -> str:
    """Every way in which a request can be refused."""
    rows = problems.kinds()
    return page(
        "Problems",
        "retrieval/api/problems.py",
        "A request that fails gets `application/problem+json` (RFC 9457) with `type`, `title`, "
        "`status`, `code`, `detail` and `request_id`. Branch on `code`. With `invalid_request`, "
        "`errors` names each field. A tool call over MCP that fails carries the same object as its "
        "text and has `isError` set.",
        table(
            ("status", "code", "title", "detail"),
            (
                (
                    str(status),
                    _code(code),
                    row.title,
                    row.detail or "names the cause and the remedy",
                )
                for (status, code), row in sorted(rows.items())
            ),
        ),
        "What does not exist and what the caller may not see are the same `not_found`, byte for "
        "byte except for the request id. Where the detail is fixed, nothing of the cause is told: "
        "it is in the log, under the request id.",
    )


def commands() -> str:
    """Every command with its arguments and options."""
    exits = table(("exit code", "name"), ((str(code.value), code.name.lower()) for code in Exit))
    return page(
        "Commands",
        "retrieval/cli/",
        "Before the command: `--data-dir DIR` (or `CLEARANCE_DATA_DIR`). Every command has "
        "`--help`. Text for people is the default; `--json` prints the same as JSON.",
        exits,
        *(part for path, command in every_command() for part in _command(path, command)),
    )


def every_command() -> Iterator[tuple[str, Any]]:
    """Every command that does something, after the words that call it, in the help's order."""
    yield from _leaves(typer.main.get_command(app), "clearance")


def _leaves(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _leaves(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _command(path: str, command: Any) -> Iterator[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    yield f"## {path}"
    yield _code(" ".join((path, *map(_value, arguments))))
    yield command.help
    if options:
        yield table(("option", "meaning"), ((_spelling(option), option.help) for option in options))


def _spelling(option: Any) -> str:
    names = ", ".join(sorted(option.opts, key=len))
    return _code(names if option.is_flag else f"{names} {_value(option)}")


def _value(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _code(text: object) -> str:
    return f"`{str(text).strip()}`"


def metrics() -> str:
    """Every metric, and every span and attribute."""
    return page("Metrics and spans", "retrieval/metrics/families.py", *telemetry_docs.parts(table))


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "commands.md": commands,
    "mcp.json": mcp,
    "metrics.md": metrics,
    "openapi.json": openapi,
    "problems.md": problem_codes,
    "reasons.md": reasons,
    "settings.md": settings,
}


if __name__ == "__main__":
    for name, render in PAGES.items():
        (DOCS / name).write_text(render(), encoding="utf-8")
        sys.stdout.write(f"docs/{name}\n")
