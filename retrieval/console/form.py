"""Forms as browsers send them, read strictly: no field unknown, none twice that is asked for once.

Only ``application/x-www-form-urlencoded`` is read, which needs no temporary files. How large a body
may be is decided at the boundary.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

MARK: Final = "mark"
"""The hidden field that says in which session a form was shown."""
MAX_FIELDS: Final = 200
_MEDIA_TYPE: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form, in the order sent. Line ends are single, as they were typed."""

    fields: Mapping[str, tuple[str, ...]]

    def one(self, name: str) -> str:
        """The only value of a field; empty if it was not sent."""
        values = self.fields.get(name, ())
        if len(values) > 1:
            raise _refused(name, "give it once")
        return values[0] if values else ""

    def many(self, name: str) -> list[str]:
        """All values of a field."""
        return list(self.fields.get(name, ()))

    def require_only(self, *known: str) -> None:
        """Refuse a field that is not expected: ignoring one would ignore a restriction."""
        for name in self.fields:
            if name not in known and name != MARK:
                raise _refused(name, "unknown field: remove it")


async def read_form(request: Request) -> Form | None:
    """The form of a POST; None of any other request.

    Raises:
        HTTPException: it is not declared to be a form.
        RequestValidationError: it has too many fields, or is not UTF-8.
    """
    if request.method != "POST":
        return None
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared != _MEDIA_TYPE:
        raise HTTPException(415)
    try:
        pairs = parse_qsl(
            (await request.body()).decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as error:
        raise _refused("form", "it cannot be read: send it again") from error
    fields: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        # Browsers send \r\n for each line end of a text field.
        fields[name] = (*fields.get(name, ()), value.replace("\r\n", "\n"))
    return Form(fields)


def _refused(name: str, message: str) -> RequestValidationError:
    return RequestValidationError([{"loc": (name,), "msg": message, "type": "value_error"}])
