"""Reaching storage through fsspec: which options it takes, and where secrets come from.

A configuration is stored in the catalogue and shown to operators, so a secret never stands in it:
``options_env`` names the environment variables that hold them. What never lives here: listing, or
permissions.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from ingestion.errors import SourceError
from ingestion.sources.address import HTTP
from ingestion.sources.hops import Hops, refused
from ingestion.sources.kind import KindConfig, Variable, variable

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECRET: Final = re.compile(r"key|secret|token|passw|passphrase|credential|connection_string")


class StorageConfig(KindConfig):
    """Options for storage.

    Attributes:
        options: As the file system's fsspec implementation takes them; never a secret.
        options_env: The same, by the names of the environment variables that hold them.
    """

    options: dict[str, Any] = Field(default_factory=dict)
    options_env: dict[str, Variable] = Field(default_factory=dict)

    @field_validator("options")
    @classmethod
    def _no_secret(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in _names(value):
            if _SECRET.search(name.lower()):
                raise ValueError(
                    f"{name[:80]!r} looks like a secret; name the environment variable that holds "
                    "it under options_env"
                )
        return value

    def resolved(self) -> dict[str, Any]:
        """The options with the secrets filled in.

        Raises:
            SourceError: an environment variable is not set.
        """
        return self.options | {
            option: variable(name, field=f"options_env.{option}")
            for option, name in self.options_env.items()
        }


def file_system(url: str, options: Mapping[str, Any], hops: Hops) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the URL's path within it.

    Args:
        url: Of a document, or of a place that holds some.
        options: As its implementation takes them.
        hops: Where requests may go if it is reached over HTTP.

    Raises:
        SourceError: nothing here speaks this protocol, or an option is not one of it.
    """
    from fsspec.core import url_to_fs  # noqa: PLC0415 - only where storage is reached

    # Last, so that no option takes its place. A client without middlewares fails, and asks nobody.
    guarded = {"middlewares": (hops,)} if urlsplit(url).scheme in HTTP else {}
    try:
        # Nothing remembered: a listing says what there is now.
        system, path = url_to_fs(url, **{"use_listings_cache": False, **options, **guarded})
    except ImportError as error:
        scheme = urlsplit(url).scheme
        raise SourceError(
            f"url: nothing installed here speaks {scheme}://; install its fsspec implementation "
            "(for s3: pip install 'clearance-retrieval[objects]')"
        ) from error
    except (ValueError, TypeError) as error:
        raise SourceError(
            f"url: its storage cannot be opened ({type(error).__name__}); check the protocol and "
            "the options"
        ) from error
    return system, str(path)


def read_object(system: Any, path: str, *, name: str, limit: int) -> bytes:
    """Return the bytes of an object.

    Args:
        system: The fsspec file system.
        path: Where in it.
        name: What to call it in messages.
        limit: The most bytes there may be.

    Raises:
        SourceError: It is gone, unreadable or too large.
    """
    try:
        with system.open(path, "rb", cache_type="none") as stream:
            content: bytes = stream.read(limit + 1)
    except Exception as error:  # each implementation has errors of its own
        led_away = refused(error)
        if led_away is not None:
            raise SourceError(f"{name}: {led_away.message}", code=led_away.code) from error
        raise SourceError(f"{name}: cannot be fetched ({why(error)}); run again later") from error
    if len(content) > limit:
        raise SourceError(
            f"{name}: more than {limit} bytes; split the file or raise the limit", code="too_large"
        )
    return content


def why(error: Exception) -> str:
    """What may be said of a foreign error: its kind alone, since its text may hold anything."""
    known = {FileNotFoundError: "it is not there", PermissionError: "permission denied"}
    return next((text for kind, text in known.items() if isinstance(error, kind)), None) or (
        f"{type(error).__name__}"
    )


def join(folder: str, name: str) -> str:
    """The path of ``name`` in ``folder``."""
    return posixpath.join(folder, name) if folder else name


def _names(value: object) -> list[str]:
    """The names of all options, nested ones included."""
    if isinstance(value, dict):
        return [name for k, v in value.items() for name in (str(k), *_names(v))]
    if isinstance(value, list):
        return [name for each in value for name in _names(each)]
    return []
