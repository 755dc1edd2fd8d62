"""Clearance as functions for a model, in the form that OpenAI's APIs made common.

The schemas are those of the models that the service itself validates with; no library of any vendor
is needed. What a model gets wrong comes back to it as a problem that it can act on, never as an
exception. What a model cannot choose: who asks, and what whoever built the agent has set.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ValidationError

from retrieval.client.errors import ClientError, NotReachedError, RefusedError
from retrieval.toolbox import GET_EVIDENCE, LIST_SOURCES, NO_MODEL_READS, RETRIEVE, VERIFY_CLAIMS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pydantic_core import ErrorDetails

    from retrieval.client import AsyncClearance, Clearance
    from retrieval.toolbox import Described

Style = Literal["chat", "responses"]
_FUNCTIONS: Final = (RETRIEVE, GET_EVIDENCE, LIST_SOURCES, VERIFY_CLAIMS)
_METHODS: Final = {VERIFY_CLAIMS.name: "verify"}


class _Functions:
    """What is the same whether a call waits or is awaited."""

    def __init__(self, names: Collection[str] | None, fixed: Mapping[str, Any]) -> None:
        known = {one.name: one for one in _FUNCTIONS}
        unknown = sorted(set(names or ()) - known.keys())
        if unknown:
            raise ValueError(f"names: there is no {unknown[0]}; choose of {', '.join(known)}")
        wrong = sorted(fixed.keys() - (RETRIEVE.arguments.model_fields.keys() - {"query"}))
        if wrong:
            raise ValueError(f"{wrong[0]}: not an option of retrieve")
        self._offered = {name: one for name, one in known.items() if names is None or name in names}
        self._fixed = dict(fixed)

    def schemas(self, *, style: Style = "chat") -> list[dict[str, Any]]:
        """The functions, to be given to a model.

        Args:
            style: ``chat`` for chat completions, ``responses`` for the flat form of the later API.
        """
        made = [self._schema(one) for one in self._offered.values()]
        if style == "responses":
            return [{"type": "function", **one} for one in made]
        return [{"type": "function", "function": one} for one in made]

    def _schema(self, one: Described) -> dict[str, Any]:
        schema = one.arguments.model_json_schema()
        schema.pop("title", None)
        schema.pop("description", None)  # speaks to whoever reads the code
        if one is RETRIEVE:
            schema["properties"] = {
                name: value
                for name, value in schema["properties"].items()
                if name not in self._fixed
            }
        return {
            "name": one.name,
            "description": one.description,
            "parameters": schema,
            "strict": False,  # strict schemas cannot leave a field out
        }

    def _prepared(
        self, name: str, arguments: str | Mapping[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        """The method of the client, and what to give it.

        Raises:
            RefusedError: the call cannot be; it says what is wrong with it.
        """
        one = self._offered.get(name)
        if one is None:
            raise _invalid("name", f"there is no such function: call {', '.join(self._offered)}")
        given = _read(arguments)
        if one is RETRIEVE:
            chosen = sorted(given.keys() & self._fixed.keys())
            if chosen:
                raise _invalid(chosen[0], "it is set already: leave it out")
            given |= self._fixed
        try:
            one.arguments.model_validate(given)
        except ValidationError as error:
            raise _refusal(error) from None
        return _METHODS.get(name, name), given


class Functions(_Functions):
    """The functions of one client, and what carries out a model's calls of them."""

    def __init__(
        self, client: Clearance, *, names: Collection[str] | None = None, **fixed: Any
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            client: whose token decides what is seen.
            names: of the functions to offer; None for all.
            fixed: fields of every ``retrieve`` that a model shall not choose, such as ``sources``.

        Raises:
            ValueError: there is no such function or field.
        """
        super().__init__(names, fixed)
        self._client = client

    def call(self, name: str, arguments: str | Mapping[str, Any]) -> str:
        """Carry out one call of a model, and give what to answer it: JSON, also for a refusal.

        Args:
            name: of the function.
            arguments: as the model wrote them.
        """
        try:
            method, given = self._prepared(name, arguments)
            return _answered(getattr(self._client, method)(**given))
        except ClientError as error:
            return _told(error)


class AsyncFunctions(_Functions):
    """The same for a client that is awaited."""

    def __init__(
        self, client: AsyncClearance, *, names: Collection[str] | None = None, **fixed: Any
    ) -> None:
        """See :class:`Functions`."""
        super().__init__(names, fixed)
        self._client = client

    async def call(self, name: str, arguments: str | Mapping[str, Any]) -> str:
        """See :meth:`Functions.call`."""
        try:
            method, given = self._prepared(name, arguments)
            return _answered(await getattr(self._client, method)(**given))
        except ClientError as error:
            return _told(error)


def _read(arguments: str | Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(arguments, str):
        return dict(arguments)
    try:
        given = json.loads(arguments or "{}")  # some models write nothing for no arguments
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise _invalid("arguments", "write one JSON object")
    return given


def _answered(answer: BaseModel) -> str:
    kept = NO_MODEL_READS if "receipt" in type(answer).model_fields else {}
    return answer.model_copy(update=kept).model_dump_json()


def _told(error: ClientError) -> str:
    """A problem as a model reads it: what is wrong, and with which field."""
    if isinstance(error, RefusedError):
        told = {"code": error.code, "detail": error.detail}
        return json.dumps(told | ({"errors": error.fields} if error.fields else {}))
    code = "not_reached" if isinstance(error, NotReachedError) else "unreadable_reply"
    return json.dumps({"code": code, "detail": "The service did not answer. Try again later."})


def _refusal(error: ValidationError) -> RefusedError:
    found = error.errors(include_url=False, include_input=False)
    return _problem({".".join(map(str, one["loc"])) or "arguments": _said(one) for one in found})


def _said(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return "there is no such field: correct its name, or leave it out"
    return error["msg"].removeprefix("Value error, ")


def _invalid(field: str, message: str) -> RefusedError:
    return _problem({field: message})


def _problem(fields: dict[str, str]) -> RefusedError:
    detail = "; ".join(f"{field}: {message}" for field, message in fields.items())
    return RefusedError(
        422, "invalid_request", detail, fields=fields, request_id="", retry_after=None
    )
