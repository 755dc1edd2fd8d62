"""Signing keys and signed statements: Ed25519 in compact JWS (RFC 7515, RFC 8037).

A key's id is its thumbprint (RFC 7638), so a statement names its key by what the key is. A
statement is accepted in exactly one spelling, to the byte: nothing can be changed in it, not even
where a change would mean the same. Private keys never leave their file; what is published, and kept
after a rotation, is the public half alone.

In the directory, of mode 0700, each file of mode 0600::

    signing-key.pem      the private key that signs now (PKCS 8)
    KID.public.json      every public key that ever signed here, as a JWK

No lock is needed, also between machines that share the directory. A public key is written before
its private half can sign; the first key is put in place by a hard link, which fails if another
process was faster, and a later one by a rename, which replaces it in one step.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import stat
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from jwt.api_jws import PyJWS
from jwt.exceptions import PyJWTError

from acl.canonical import canonical, parse_canonical
from acl.errors import SignatureError, SigningKeyError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ALGORITHM: Final = "EdDSA"
MAX_STATEMENT: Final = 1 << 20
"""Characters of the longest statement that is looked at."""

_PRIVATE: Final = "signing-key.pem"
_PUBLIC: Final = ".public.json"
_CURVE: Final = {"crv": "Ed25519", "kty": "OKP"}
_POINT_BYTES: Final = 32
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}", re.ASCII)
_JWS: Final = PyJWS(algorithms=[ALGORITHM])


@dataclass(frozen=True, slots=True)
class _Key:
    """The key that signs now, and which file it was read from."""

    kid: str
    private: Ed25519PrivateKey
    read_from: tuple[int, int]


class Signer:
    """Signs with the newest key of a directory. Thread-safe; a rotation needs no restart."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = _load(directory / _PRIVATE)

    @classmethod
    def open(cls, directory: Path) -> Self:
        """The signer of ``directory``, which is made, with a first key, if there is none.

        Raises:
            SigningKeyError: the directory or a key cannot be used; the message says why.
        """
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not (directory / _PRIVATE).exists():
                _make_first(directory)
            mode = stat.S_IMODE(directory.stat().st_mode)
        except OSError as error:
            raise SigningKeyError(f"signing_dir {directory}: {error.strerror}") from error
        if mode & 0o022:
            # Whoever can add a public key can have their own signatures trusted.
            raise SigningKeyError(f"signing_dir {directory}: others may write to it; chmod 700")
        return cls(directory)

    @property
    def kid(self) -> str:
        """The id of the key that signs now."""
        return self._current().kid

    def sign(self, payload: Mapping[str, object], *, typ: str) -> str:
        """``payload`` as a signed statement of the kind ``typ``, in compact form.

        The same payload under the same key gives the same bytes: Ed25519 takes no random number.

        Raises:
            SigningKeyError: the key is gone, or others can read it.
            ValueError: the payload has no canonical spelling (see :mod:`acl.canonical`).
        """
        key = self._current()
        return _JWS.encode(
            canonical(payload),
            key.private,
            algorithm=ALGORITHM,
            headers={"kid": key.kid, "typ": typ},
        )

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Every public key that ever signed here; see :func:`published`."""
        return published(self._directory)

    def rotate(self) -> str:
        """Sign with a new key from now on; the old private key is gone. Returns the new id.

        Raises:
            SigningKeyError: the directory cannot be written; the old key stays.
        """
        try:
            made, kid = _make(self._directory)
            made.replace(self._directory / _PRIVATE)
            _sync(self._directory)
        except OSError as error:
            raise SigningKeyError(f"signing_dir {self._directory}: {error.strerror}") from error
        return kid

    def _current(self) -> _Key:
        """The newest key: read again when another process has rotated."""
        key, path = self._key, self._directory / _PRIVATE
        try:
            if _identity(path.stat()) != key.read_from:
                self._key = key = _load(path)
        except OSError as error:
            raise SigningKeyError(f"{path}: {error.strerror}") from error
        return key


def published(directory: Path) -> dict[str, list[dict[str, str]]]:
    """The public keys in ``directory`` as a JWK set (RFC 7517), in the order of ids.

    No private key is needed, or made. A directory that is not there has published none.

    Raises:
        SigningKeyError: a key cannot be read.
    """
    try:
        return {
            "keys": [
                json.loads(path.read_bytes()) for path in sorted(directory.glob(f"*{_PUBLIC}"))
            ]
        }
    except (OSError, ValueError) as error:
        raise SigningKeyError(f"signing_dir {directory}: {error}") from error


def verify(jws: str, jwks: Mapping[str, Any], *, typ: str) -> dict[str, Any]:
    """What a signed statement says, if every byte of it is as it was signed.

    The order matters: nothing that stands in the statement is used before its spelling is the only
    one possible, and nothing of the payload is read before the signature holds.

    Args:
        jws: the compact form, without a blank or line break around it.
        jwks: the keys to trust, as a JWK set; a key is found by its thumbprint, whatever it is
            called there. Keys of other kinds are passed over.
        typ: the kind of statement expected; another kind, signed by the same key, is refused.

    Raises:
        SignatureError: it was changed, signed by a key not in ``jwks``, or is something else.
    """
    if len(jws) > MAX_STATEMENT or _COMPACT.fullmatch(jws) is None:
        raise SignatureError("the statement is not a compact JWS, or was changed")
    segments = jws.split(".")
    header, payload, _ = (_decoded(segment) for segment in segments)
    kid = _kid_of(header, typ)
    key = _public_keys(jwks).get(kid)
    if key is None:
        raise SignatureError(f"the key {kid} that signed this is not among the keys to trust")
    try:
        _JWS.decode(jws, key, algorithms=[ALGORITHM])
        says = parse_canonical(payload)
    except (PyJWTError, ValueError) as error:
        raise SignatureError("the signature does not hold: something was changed") from error
    if not isinstance(says, dict):
        raise SignatureError("the statement says nothing")
    return says


def thumbprint(public: Ed25519PublicKey) -> str:
    """The id of a key: RFC 7638 over the members RFC 8037 names."""
    required = {**_CURVE, "x": _encoded(_point(public))}
    return _encoded(hashlib.sha256(canonical(required)).digest())


def _kid_of(header: bytes, typ: str) -> str:
    """The key id of a header that says exactly what ours say."""
    try:
        says = parse_canonical(header)
    except ValueError as error:
        raise SignatureError("the header was changed") from error
    kid = says.get("kid") if isinstance(says, dict) else None
    if not isinstance(kid, str) or says != {"alg": ALGORITHM, "kid": kid, "typ": typ}:
        raise SignatureError(f"the header was changed, or this is no {typ} signed by {ALGORITHM}")
    return kid


def _public_keys(jwks: Mapping[str, Any]) -> dict[str, Ed25519PublicKey]:
    """The Ed25519 keys of a JWK set, by thumbprint."""
    listed = jwks.get("keys") if hasattr(jwks, "get") else None
    if not isinstance(listed, list):
        raise SignatureError("the keys to trust are no JWK set: 'keys' is not a list")
    found = {}
    for entry in listed:
        if not isinstance(entry, dict) or {name: entry.get(name) for name in _CURVE} != _CURVE:
            continue
        try:
            public = Ed25519PublicKey.from_public_bytes(_decoded(str(entry.get("x"))))
        except ValueError as error:
            raise SignatureError("a key to trust is no point of Ed25519") from error
        found[thumbprint(public)] = public
    return found


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(segment: str) -> bytes:
    """The bytes of a base64url segment in its only spelling: no padding, no unused bit set.

    Raises:
        SignatureError: it is spelled in another way.
    """
    try:
        raw = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError as error:
        raise SignatureError("a part is not base64url") from error
    if _encoded(raw) != segment:
        raise SignatureError("a part is base64url in another spelling than the one signed")
    return raw


def _point(public: Ed25519PublicKey) -> bytes:
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _identity(status: os.stat_result) -> tuple[int, int]:
    # A rotation makes another file; its time tells it from one that got the same number again.
    return status.st_ino, status.st_mtime_ns


def _load(path: Path) -> _Key:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            raw = file.read()
        private = load_pem_private_key(raw, password=None)
    except OSError as error:
        raise SigningKeyError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise SigningKeyError(f"{path}: not a private key; restore it, or remove it") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise SigningKeyError(f"{path}: not an Ed25519 key; remove it")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise SigningKeyError(f"{path}: others may read it; chmod 600, and rotate the key")
    return _Key(thumbprint(private.public_key()), private, _identity(status))


def _make(directory: Path) -> tuple[Path, str]:
    """A new key in a file of its own, its public half published already."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key()
    kid = thumbprint(public)
    jwk = {**_CURVE, "alg": ALGORITHM, "kid": kid, "use": "sig", "x": _encoded(_point(public))}
    _write(directory / f".{kid}.tmp", canonical(jwk)).replace(directory / f"{kid}{_PUBLIC}")
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return _write(directory / f".{secrets.token_hex(8)}.tmp", pem), kid


def _make_first(directory: Path) -> None:
    made, kid = _make(directory)
    try:
        (directory / _PRIVATE).hardlink_to(made)
    except FileExistsError:
        # Another process was faster: its key is the key, and nothing was signed with ours.
        (directory / f"{kid}{_PUBLIC}").unlink()
    finally:
        with suppress(FileNotFoundError):
            made.unlink()
    _sync(directory)


def _write(path: Path, content: bytes) -> Path:
    """A new file of mode 0600 that is on the disk when this returns."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return path


def _sync(directory: Path) -> None:
    """Make the names in ``directory`` survive the power."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
