"""Errors of the quality package.

::

    QualityError
    ├── MissingExtraError     a library of the `notebooks` extra is not installed
    ├── NoRecordsError        the installation named holds no catalogue, or the demo did not run
    ├── InvalidPeriodError    `since` or `until` has no time zone, or they are the wrong way round
    ├── UnknownMetricError    there is no such figure, or it does not know such groups
    └── UnknownFilterError    a dataset is to be narrowed by what its rows do not hold
"""

from __future__ import annotations


class QualityError(Exception):
    """Root of this package's errors; ``code`` is stable and machine-readable."""

    code = "quality_error"


class MissingExtraError(QualityError):
    """A library of the ``notebooks`` extra is not installed."""

    code = "missing_extra"


class NoRecordsError(QualityError):
    """The installation named holds no catalogue, or the demo did not run."""

    code = "no_records"


class InvalidPeriodError(QualityError):
    """``since`` or ``until`` has no time zone, or they are the wrong way round."""

    code = "invalid_period"


class UnknownMetricError(QualityError):
    """There is no such figure, or it does not know such groups."""

    code = "unknown_metric"


class UnknownFilterError(QualityError):
    """A dataset is to be narrowed by what its rows do not hold."""

    code = "unknown_filter"

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
