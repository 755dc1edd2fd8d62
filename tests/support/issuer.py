"""An issuer of JWTs on this machine: its keys, its key set over HTTP, and any token one likes."""

from __future__ import annotations

import base64
import json
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from tests.support.clock import HOUR, NOON

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ISSUER = "https://issuer.example"
AUDIENCE = "https://clearance.example"


@dataclass(frozen=True)
class SigningKey:
    """A private key, and what is published of it."""

    key_id: str
    algorithm: str
    private: Any

    def jwk(self, **changes: Any) -> dict[str, Any]:
        """The public part; ``None`` takes a member away."""
        made = get_default_algorithms()[self.algorithm].to_jwk(
            self.private.public_key(), as_dict=True
        )
        made.pop("key_ops", None)
        made |= {"kid": self.key_id, "use": "sig", "alg": self.algorithm} | changes
        return {name: value for name, value in made.items() if value is not None}

    def private_members(self) -> dict[str, Any]:
        """What must never be published."""
        whole = get_default_algorithms()[self.algorithm].to_jwk(self.private, as_dict=True)
        return {name: value for name, value in whole.items() if name not in self.jwk()}


@cache
def signing_key(key_id: str, algorithm: str = "ES256", *, bits: int = 2048) -> SigningKey:
    """A key, the same one each time: making RSA keys takes a while."""
    if algorithm in {"RS256", "PS256"}:
        return SigningKey(key_id, algorithm, rsa.generate_private_key(65_537, bits))
    if algorithm == "EdDSA":
        return SigningKey(key_id, algorithm, ed25519.Ed25519PrivateKey.generate())
    return SigningKey(key_id, algorithm, ec.generate_private_key(ec.SECP256R1()))


def key_set(*entries: Mapping[str, Any]) -> bytes:
    """A key set document."""
    return json.dumps({"keys": list(entries)}).encode()


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token at noon; ``None`` takes one away."""
    made = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ann",
        "iat": int(NOON.timestamp()),
        "exp": int((NOON + HOUR).timestamp()),
        "jti": "token-1",
        "scope": "openid retrieve",
    } | changes
    return {name: value for name, value in made.items() if value is not None}


def token(
    key: SigningKey | None = None, *, header: Mapping[str, Any] | None = None, **changes: Any
) -> str:
    """A signed token: the claims of :func:`claims`, further or other headers."""
    signer = key or signing_key("main")
    return sign(json.dumps(claims(**changes)), signer, header=header)


def sign(payload: str, key: SigningKey, *, header: Mapping[str, Any] | None = None) -> str:
    """Sign any text; of the headers, ``None`` takes one away. Nothing is checked."""
    made = {"alg": key.algorithm, "kid": key.key_id, "typ": "JWT"} | dict(header or {})
    made = {name: value for name, value in made.items() if value is not None}
    return sign_raw(json.dumps(made), payload, key)


def sign_raw(header: str, payload: str, key: SigningKey) -> str:
    """Sign any header and payload text with the key's own algorithm, whatever the header says."""
    signed = f"{part(header.encode())}.{part(payload.encode())}"
    algorithm = get_default_algorithms()[key.algorithm]
    return f"{signed}.{part(algorithm.sign(signed.encode(), key.private))}"


def part(value: bytes) -> str:
    """One part of a token."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def unsigned(header: Mapping[str, Any], **changes: Any) -> str:
    """A token whose signature says nothing at all."""
    return f"{part(json.dumps(header).encode())}.{part(json.dumps(claims(**changes)).encode())}."


def with_secret(secret: bytes, *, key_id: str, **changes: Any) -> str:
    """An HS256 token; made by hand, because libraries refuse public keys as secrets."""
    algorithm = get_default_algorithms()["HS256"]
    header = {"alg": "HS256", "kid": key_id, "typ": "JWT"}
    signed = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims(**changes)).encode())}"
    return f"{signed}.{part(algorithm.sign(signed.encode(), secret))}"


@dataclass
class KeyServer:
    """Publishes a key set over HTTP on this machine, and counts who asks."""

    document: bytes = field(default_factory=lambda: key_set(signing_key("main").jwk()))
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    byte_seconds: float = 0
    asked: int = 0
    url: str = ""

    @contextmanager
    def running(self) -> Iterator[KeyServer]:
        """Serve until the context ends."""
        state = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                state.asked += 1
                self.send_response(state.status)
                for name, value in state.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(state.document)))
                self.end_headers()
                if not state.byte_seconds:
                    self.wfile.write(state.document)
                    return
                with suppress(ConnectionError):  # whoever asked may have had enough
                    for byte in state.document:
                        self.wfile.write(bytes([byte]))
                        time.sleep(state.byte_seconds)

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}/keys"
        try:
            yield self
        finally:
            server.shutdown()
            thread.join(10)
            server.server_close()


def configured(url: str, **changes: Any) -> dict[str, Any]:
    """The issuer as an operator would configure it; ``None`` takes a field away."""
    made = {
        "issuer": ISSUER,
        "audience": [AUDIENCE],
        "algorithms": ["ES256"],
        "jwks_url": url,
        "tenant": "bank",
    } | changes
    return {name: value for name, value in made.items() if value is not None}
