"""Neutral filter conditions: what an index must satisfy, said without naming an engine.

A caller's own filter is only ever AND-ed under the scope (:func:`under`); there is no OR, no NOT
and no way to name ``tenant`` or ``acl`` in it, so no filter can widen a view.

The scope speaks of the chunk, the caller's own filter of the places where it stands: equal text of
several documents is one chunk, and it is found only where one and the same place that the scope
admits satisfies the whole filter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

from acl.errors import AclError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from acl.scope import AccessScope

    Payload: TypeAlias = Mapping[str, str | tuple[str, ...]]
    Place: TypeAlias = Mapping[str, str | int | tuple[str, ...] | None]

TENANT = "tenant"
ACL = "acl"
SOURCE = "source"
RESERVED_FIELDS = frozenset({TENANT, ACL})


class InvalidConditionError(AclError):
    """A caller's filter names a reserved field or an empty set of values."""

    code = "invalid_request"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """``field`` holds at least one of ``values`` (sorted, distinct, at least one)."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """``field`` holds a number of at least ``low`` and below ``high``; None leaves an end open."""

    field: str
    low: int | None
    high: int | None


Condition: TypeAlias = AnyOf | Between


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one of ``conditions`` holds, and ``place`` holds of one and the same place."""

    conditions: tuple[AnyOf, ...]
    place: tuple[Condition, ...] = ()

    def matches(self, payload: Payload, places: Sequence[Place] = ()) -> bool:
        """The obvious meaning, used by the in-memory oracle and by tests."""
        if not all(_holds(condition, payload) for condition in self.conditions):
            return False
        return not self.place or any(stands(self.place, place) for place in places)


def stands(conditions: Sequence[Condition], place: Place) -> bool:
    """Whether one place satisfies every condition."""
    return all(_met(condition, place.get(condition.field)) for condition in conditions)


def _holds(condition: AnyOf, payload: Payload) -> bool:
    held = payload.get(condition.field, ())
    return not set((held,) if isinstance(held, str) else held).isdisjoint(condition.values)


def _met(condition: Condition, held: str | int | tuple[str, ...] | None) -> bool:
    if isinstance(condition, AnyOf):
        values = held if isinstance(held, tuple) else (held,)
        return not set(values).isdisjoint(condition.values)
    low, high = condition.low, condition.high
    return isinstance(held, int) and (low is None or low <= held) and (high is None or held < high)


def caller_filter(fields: Mapping[str, tuple[str, ...]]) -> tuple[AnyOf, ...]:
    """Make a caller's own filter: field name to accepted values, AND-ed over fields.

    Raises:
        InvalidConditionError: a reserved field, or a field without values.
    """
    conditions = []
    for field, values in sorted(fields.items()):
        if field in RESERVED_FIELDS:
            raise InvalidConditionError(f"filters.{field}: this field cannot be filtered on")
        if not values:
            raise InvalidConditionError(f"filters.{field}: give a value, or leave it out")
        conditions.append(AnyOf(field, tuple(sorted(set(values)))))
    return tuple(conditions)


def contradicts(scope: AccessScope, own: Sequence[Condition]) -> bool:
    """True if ``own`` asks for none but sources that the scope does not admit.

    Nothing can satisfy both, and the answer is found without asking the index.
    """
    return any(not condition.values for condition in _narrowed(scope, own) if _of_source(condition))


def under(scope: AccessScope, own: Sequence[Condition] = ()) -> AllOf:
    """The condition every index call carries: the scope first, then the caller's own filter.

    A token narrowed to sources makes them part of the scope, so that the statistics of the words
    are taken over these alone; the caller's own filter can only narrow further, and what satisfies
    it must stand in one of these sources too.

    Raises:
        InvalidConditionError: ``own`` names a reserved field (a second lock on the same door), or
            the scope is empty or contradicted, in which case the index must not be asked at all.
    """
    if scope.empty:
        raise InvalidConditionError("scope: it is empty; answer without asking the index")
    if contradicts(scope, own):
        raise InvalidConditionError("filters.source: answer without asking the index")
    if any(condition.field in RESERVED_FIELDS for condition in own):
        raise InvalidConditionError("filters: tenant and acl are set by the scope alone")
    conditions = [AnyOf(TENANT, (scope.tenant,)), AnyOf(ACL, scope.sorted_ids)]
    if scope.sources is not None:
        conditions.append(AnyOf(SOURCE, tuple(sorted(scope.sources))))
    return AllOf(tuple(conditions), _narrowed(scope, own) if own else ())


def _narrowed(scope: AccessScope, own: Sequence[Condition]) -> tuple[Condition, ...]:
    """``own`` with its sources as far as the scope admits them, or else the scope's."""
    if scope.sources is None:
        return tuple(own)
    asked = [frozenset(one.values) for one in own if _of_source(one)]
    admitted = tuple(sorted(scope.sources.intersection(*asked)))
    return (AnyOf(SOURCE, admitted), *(one for one in own if not _of_source(one)))


def _of_source(condition: Condition) -> TypeGuard[AnyOf]:
    return isinstance(condition, AnyOf) and condition.field == SOURCE
