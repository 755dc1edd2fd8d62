"""Rows of a statement as a frame, a million of them in seconds: by columns, and in batches.

What costs here is whatever is done once for each value: so instants are read as the integers they
are stored as, and lists of codes, of which there are few kinds, are parsed once a kind.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlalchemy import BigInteger, type_coerce

from retrieval.quality.extra import pandas

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from sqlalchemy import ColumnElement, Executable
    from sqlalchemy.orm import InstrumentedAttribute, Session

TIME: Final = "datetime64[us, UTC]"
CODES: Final = "object"
"""The type of a column of lists of codes, which are stored as JSON."""

_BATCH: Final = 50_000


def microseconds(at: InstrumentedAttribute[Any]) -> ColumnElement[int]:
    """A column of instants as it is stored; :func:`frame_of` makes instants of it again."""
    return type_coerce(at, BigInteger).label(at.key)


def frame_of(session: Session, statement: Executable, columns: Mapping[str, str]) -> pd.DataFrame:
    """What a statement finds, as a frame of the columns and types given, also where it is nothing.

    Args:
        session: confined to a tenant.
        statement: its columns in the order of ``columns``; instants as :func:`microseconds`.
        columns: names and types.
    """
    found = session.execute(statement, execution_options={"yield_per": _BATCH})
    kinds: dict[str, list[str]] = {}
    parts = [_frame(tuple(zip(*rows, strict=True)), columns, kinds) for rows in found.partitions()]
    if not parts:
        return _frame([()] * len(columns), columns, kinds)
    return pandas().concat(parts, ignore_index=True)


def _frame(
    values: Sequence[Sequence[Any]], columns: Mapping[str, str], kinds: dict[str, list[str]]
) -> pd.DataFrame:
    named = zip(columns.items(), values, strict=True)
    return pandas().DataFrame({name: _column(kind, of, kinds) for (name, kind), of in named})


def _column(kind: str, values: Sequence[Any], kinds: dict[str, list[str]]) -> Any:
    if kind == TIME:
        return pandas().DatetimeIndex(np.array(values, "int64").view("M8[us]")).tz_localize("UTC")
    if kind == CODES:
        lists = np.empty(len(values), object)
        for place, text in enumerate(values):
            if text not in kinds:
                kinds[text] = json.loads(text)
            lists[place] = kinds[text].copy()  # no two rows share one
        return lists
    if kind == "string":
        return pandas().array(values, dtype="string")
    return np.array(values, kind)  # None becomes NaN
