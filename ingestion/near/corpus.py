"""The live texts of one tenant: what a settling reads of them, and writes about them.

Each call is one transaction, so that none is open while texts are compared.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.lock import exclusive
from ingestion.near import stored

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from acl.orm import Database
    from ingestion.lock import Lock
    from ingestion.near.confirm import NearPair
    from ingestion.near.stored import Signed


@dataclass(frozen=True, slots=True)
class Corpus:
    """The texts that one generation holds for a tenant.

    Attributes:
        database: the catalogue.
        lock_path: the writer lock, taken for each write.
        tenant: whose texts.
        generation: the served one.
    """

    database: Database
    lock_path: Lock
    tenant: str
    generation: str

    def unsettled(self, *, after: str, limit: int) -> list[tuple[str, str]]:
        """The first texts without a signature, by hash: (hash, text)."""
        with self.database.read(self.tenant) as session:
            return stored.unsettled(session, self.tenant, self.generation, after=after, limit=limit)

    def count_unsettled(self) -> int:
        """How many texts have no signature."""
        with self.database.read(self.tenant) as session:
            return stored.count_unsettled(session, self.tenant, self.generation)

    @contextmanager
    def signatures(self) -> Iterator[Iterator[list[tuple[str, bytes]]]]:
        """Every stored signature by hash, in blocks, as of one moment."""
        with self.database.read(self.tenant) as session:
            yield stored.signatures(session, self.tenant)

    def texts(self, shas: Sequence[str]) -> dict[str, str]:
        """The texts of some hashes, as far as they are live."""
        with self.database.read(self.tenant) as session:
            return stored.texts(session, self.tenant, self.generation, shas)

    def gone(self, *, limit: int) -> list[str]:
        """Some hashes of which something is kept and no text is live."""
        with self.database.read(self.tenant) as session:
            return stored.gone(session, self.tenant, self.generation, limit=limit)

    def forget(self, shas: Sequence[str]) -> int:
        """Remove all that is kept of some hashes, and say how many pairs that were."""
        with exclusive(self.lock_path), self.database.write(self.tenant) as session:
            return stored.forget(session, self.tenant, shas)

    def store(self, signed: Sequence[Signed], pairs: Sequence[NearPair], *, dense: bool) -> None:
        """Keep signatures and pairs, of texts that are still live.

        It is asked once more under the writer lock: what was deleted, or erased, since it was read
        must leave no trace.

        Args:
            signed: in the order of their hashes.
            pairs: each of two of these texts, or of one and a text settled before.
            dense: whether few other texts have hashes between those.
        """
        if not signed:
            return
        shas = {text.sha for text in signed}
        others = {sha for pair in pairs for sha in (pair.first, pair.second)} - shas
        asked = others if dense else others | shas
        scope = self.tenant, self.generation
        with exclusive(self.lock_path), self.database.write(self.tenant) as session:
            live = stored.live(session, *scope, sorted(asked))
            if dense:
                live |= stored.live_between(session, *scope, signed[0].sha, signed[-1].sha)
            stored.store(
                session,
                self.tenant,
                [text for text in signed if text.sha in live],
                [pair for pair in pairs if {pair.first, pair.second} <= live],
            )
