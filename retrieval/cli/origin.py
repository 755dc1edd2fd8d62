"""What somebody points ``ingest`` at: which kind of source it is, and what to call it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from retrieval.cli.config_file import read_config
from retrieval.cli.exits import CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

_MANIFESTS: Final = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where documents come from.

    Attributes:
        kind: As of ``open_source``.
        config: Likewise.
        name: What the source is called unless somebody says otherwise; None if nothing fits.
    """

    kind: str
    config: dict[str, Any]
    name: str | None

    def named(self, given: str | None) -> str:
        """The source's name.

        Raises:
            CommandError: none is given, and none can be made.
        """
        if name := given or self.name:
            return name
        raise CommandError("its name makes no source name: give one with --source NAME")


def origin_of(
    where: str, *, allow: Sequence[str], deny: Sequence[str], config: Path | None
) -> Origin:
    """Tell what ``where`` is: an existing folder, an existing manifest by its ending, or a URL.

    Raises:
        CommandError: it is none of them, or the configuration file cannot be read.
    """
    kind, found, name = _what(where)
    stated: dict[str, Any] = read_config(config) if config else {}
    for field in found:
        if field in stated:
            raise CommandError(f"{config}: {field}: leave it out; the command says it already")
    given = {"allow": list(allow)} if allow else {}
    given |= {"deny": list(deny)} if deny else {}
    made = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")
    return Origin(kind, stated | found | given, made or None)


def _what(where: str) -> tuple[str, dict[str, Any], str]:
    if "://" in where:
        return "fsspec", {"url": where}, where.partition("://")[2].rstrip("/").rpartition("/")[2]
    path = Path(where)
    if path.is_dir():
        return "folder", {"root": str(path.resolve())}, path.resolve().name
    kind = _MANIFESTS.get(path.suffix.lower())
    if path.is_file() and kind:
        return kind, {"path": str(path.resolve())}, path.stem
    if path.is_file():
        raise CommandError(
            f"{where}: give its folder, or a manifest that ends with .jsonl or .parquet"
        )
    raise CommandError(
        f"{where}: does not exist; give a folder, a manifest (.jsonl, .parquet) or a URL such as "
        "s3://bucket/folder"
    )
