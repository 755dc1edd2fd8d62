"""The libraries of the ``notebooks`` extra, imported when first used.

A service that never draws a chart need not have them, and starts faster without.
"""

from __future__ import annotations

import importlib
from typing import Any

from retrieval.quality.errors import MissingExtraError


def pandas() -> Any:
    """The module :mod:`pandas`.

    Raises:
        MissingExtraError: it is not installed.
    """
    return _module("pandas")


def altair() -> Any:
    """The module :mod:`altair`.

    Raises:
        MissingExtraError: it is not installed.
    """
    return _module("altair")


def renderer() -> Any:
    """The module :mod:`vl_convert`, which draws charts as SVG without a browser.

    Raises:
        MissingExtraError: it is not installed.
    """
    return _module("vl_convert")


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:  # it is there, and something it needs is not: say what really is
            raise
        raise MissingExtraError(
            f"{name} is not installed; run: pip install clearance-retrieval[notebooks]"
        ) from error
