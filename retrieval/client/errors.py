"""What can go wrong with a call, as its caller may want to tell it apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


class ClientError(Exception):
    """A call that brought no answer. The root of what the client raises."""


class NotReachedError(ClientError):
    """The service could not be reached, or did not answer in time."""


class UnreadableReplyError(ClientError):
    """Something answered, but not this service, or not one that this client understands."""


class RefusedError(ClientError):
    """The service said no, and why.

    Attributes:
        status: the HTTP status.
        code: what programs branch on, such as ``not_found`` (see the list of problems).
        detail: words for a person.
        fields: for ``invalid_request``, what was wrong with each field.
        request_id: to tell whoever runs the service.
        retry_after: seconds to wait before asking again, if the service says so.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        fields: Mapping[str, str],
        request_id: str,
        retry_after: float | None,
    ) -> None:
        named = "".join(f"; {field}: {said}" for field, said in fields.items())
        super().__init__(f"{code}: {detail}{named} (request {request_id})")
        self.status = status
        self.code = code
        self.detail = detail
        self.fields = dict(fields)
        self.request_id = request_id
        self.retry_after = retry_after

    @classmethod
    def of(cls, problem: Mapping[str, Any], *, retry_after: float | None = None) -> Self:
        """From the service's own words (RFC 9457).

        Raises:
            KeyError, TypeError, ValueError, AttributeError: they are not the service's.
        """
        return cls(
            int(problem["status"]),
            str(problem["code"]),
            str(problem["detail"]),
            fields={one["field"]: one["message"] for one in problem.get("errors") or ()},
            request_id=str(problem["request_id"]),
            retry_after=retry_after,
        )
