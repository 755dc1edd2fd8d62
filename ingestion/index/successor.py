"""The process that becomes the index process. Started by ``succession``.

Until it is told to serve it is nobody: it holds neither the process lock nor the socket, and dies
with its parent. What it is told, in this order: which shards to open, how far to replay their
journals (again and again), to flush, and at last to serve, with lock and socket.
"""

from __future__ import annotations

import logging
import socket
import sys
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from pathlib import Path
from typing import Any, Final

from ingestion.index import lifeline
from ingestion.index.calls import ask
from ingestion.index.channel import Channel
from ingestion.index.copying import settled
from ingestion.index.edge import EdgeEngine
from ingestion.index.holding import Holding
from ingestion.index.journal import read
from ingestion.index.rendezvous import Rendezvous, locked
from ingestion.index.rpc import Method
from ingestion.index.serving import IndexServer, Post
from ingestion.index.shards import ShardDirectory

_PATIENCE_SECONDS: Final = 60.0


class Successor:
    """Shards that are being brought up to date."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._holdings: dict[str, Holding] = {}
        self._replayed: dict[str, int] = {}

    def prepared(self) -> dict[str, Holding]:
        """Do as one is told until it is to serve; returns what is to be served."""
        while True:
            message = self._channel.receive()
            if "serve" in message:
                return {name: self._holdings[name] for name in message["serve"]}
            self._obey(message)
            self._channel.send({})

    def _obey(self, message: dict[str, Any]) -> None:
        for generation, shard in message.get("open", {}).items():
            settled(Path(shard))  # The copy is on the disk before it can count.
            self._holdings[generation] = Holding(EdgeEngine.load(Path(shard)), Path(shard))
        for generation, end in message.get("replay", {}).items():
            start = self._replayed.get(generation, 0)
            for write in read(Path(message["from"][generation]), start, end):
                ask(self._holdings[generation].engine, Method(write["method"]), write["with"])
            self._replayed[generation] = end
        for generation in message.get("flush", ()):
            self._holdings[generation].engine.flush()


def main(data_dir: Path, *, idle_seconds: float, control: int, line: int) -> None:
    """Prepare, take over, serve."""
    meeting = Rendezvous.of(data_dir)
    connection = Connection(control)
    channel = Channel(connection)
    # Whoever starts an index process waits for this one: these shards may be what counts by then.
    with locked(meeting.successor_lock, patience_seconds=_PATIENCE_SECONDS):
        holdings = Successor(channel).prepared()
        lock, listener = recv_handle(connection), socket.socket(fileno=recv_handle(connection))
        shards = ShardDirectory(meeting.shards)
        for generation, holding in holdings.items():
            shards.adopt(generation, holding)
        lifeline.cut(line)
    post = Post(data_dir, meeting, lock=lock, listener=listener)
    post.sign()
    channel.send({})
    channel.close()
    IndexServer(shards, post, key=meeting.key(), idle_seconds=idle_seconds).serve()


if __name__ == "__main__":
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    lifeline.tied(int(sys.argv[4]))
    main(
        Path(sys.argv[1]),
        idle_seconds=float(sys.argv[2]),
        control=int(sys.argv[3]),
        line=int(sys.argv[4]),
    )
