"""One authenticated connection over a Unix socket, the same on both ends.

The standard library's :class:`multiprocessing.connection.Connection` frames the bytes and its
challenge (HMAC over a random message, both ways) authenticates them; its pickling is not used. What
never lives here: the meaning of a frame.
"""

from __future__ import annotations

import os
import socket
import struct
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from typing import TYPE_CHECKING, Any, Final

from ingestion.index import rpc

if TYPE_CHECKING:
    from typing import Self

# Opening a shard of millions of points holds up every thread of the process for so long.
HANDSHAKE_SECONDS: Final = 120.0


class Channel:
    """A connection on which each end knows that the other holds the key."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._connection = connection

    @property
    def connection(self) -> Connection[Any, Any]:
        """What carries the frames, for passing descriptors beside them."""
        return self._connection

    @classmethod
    def dial(cls, address: str, key: bytes) -> Self:
        """Connect and authenticate.

        Raises:
            OSError: nobody listens there.
            EOFError: the listener went away.
            AuthenticationError: it holds another key.
            TimeoutError: it did not answer.
        """
        with socket.socket(socket.AF_UNIX) as plain:
            plain.connect(address)
            channel = cls(Connection(plain.detach()))
        try:
            channel.await_frame(HANDSHAKE_SECONDS)
            answer_challenge(channel._connection, key)
            deliver_challenge(channel._connection, key)
        except BaseException:
            channel.close()
            raise
        return channel

    @classmethod
    def accepted(cls, plain: socket.socket, key: bytes) -> Self:
        """Authenticate a client that has just been accepted; raises as :meth:`dial` does."""
        if _peer_user(plain) != os.getuid():
            plain.close()
            raise AuthenticationError("the peer is another user")
        channel = cls(Connection(plain.detach()))
        try:
            deliver_challenge(channel._connection, key)
            answer_challenge(channel._connection, key)
        except BaseException:
            channel.close()
            raise
        return channel

    def send(self, message: dict[str, Any]) -> None:
        """Send one message."""
        self._connection.send_bytes(rpc.to_frame(message))

    def receive(self) -> dict[str, Any]:
        """Wait for one message.

        Raises:
            EOFError, OSError: the other end is gone, or sent too much.
            ValueError: it sent something else than a message.
        """
        return rpc.from_frame(self._connection.recv_bytes(rpc.MAX_FRAME_BYTES))

    def await_frame(self, seconds: float | None) -> None:
        """Wait until something can be received.

        Raises:
            TimeoutError: nothing came in ``seconds``.
        """
        if not self._connection.poll(seconds):
            raise TimeoutError(f"no answer in {seconds} s")

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def _peer_user(plain: socket.socket) -> int:
    """The user at the other end, by the kernel's word; this user where the kernel does not say."""
    if not hasattr(socket, "SO_PEERCRED"):  # The private directory and the key remain.
        return os.getuid()
    layout = "3i"
    found = plain.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(layout))
    return int(struct.unpack(layout, found)[1])
