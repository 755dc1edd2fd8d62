"""Signed statements: accepted in exactly one spelling; keys kept to their owner, and rotated."""

from __future__ import annotations

import json
import multiprocessing
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acl import signing
from acl.canonical import canonical
from acl.errors import SignatureError, SigningKeyError
from acl.signing import Signer, published, thumbprint, verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TYP = "test+jwt"
PAYLOAD: dict[str, object] = {"sub": "user:änn", "n": [1, 2, {"deep": True}]}
WITHIN_ONE_TEST = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "signing"


@pytest.fixture
def signer(home: Path) -> Signer:
    return Signer.open(home)


def encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(segment: str) -> bytes:
    return urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def resigned(home: Path, header: bytes, payload: bytes) -> str:
    """A statement of any shape with a good signature of the current key."""
    key = jwt.algorithms.OKPAlgorithm().prepare_key((home / "signing-key.pem").read_bytes())
    assert isinstance(key, Ed25519PrivateKey)
    signed = f"{encoded(header)}.{encoded(payload)}"
    return f"{signed}.{encoded(key.sign(signed.encode()))}"


# Statements


def test_a_statement_says_what_was_signed(signer: Signer) -> None:
    assert verify(signer.sign(PAYLOAD, typ=TYP), signer.jwks(), typ=TYP) == PAYLOAD


def test_signing_twice_gives_the_same_bytes(signer: Signer) -> None:
    assert signer.sign(PAYLOAD, typ=TYP) == signer.sign(PAYLOAD, typ=TYP)


def test_any_jws_library_reads_it(signer: Signer) -> None:
    jws = signer.sign(PAYLOAD, typ=TYP)
    [jwk] = signer.jwks()["keys"]
    assert jwt.decode(jws, jwt.PyJWK(jwk), algorithms=["EdDSA"], options={"verify_sub": False}) == (
        PAYLOAD
    )


def test_every_change_of_a_single_character_is_detected(signer: Signer) -> None:
    jws, jwks = signer.sign(PAYLOAD, typ=TYP), signer.jwks()
    alphabet = [chr(code) for code in range(128)] + ["é", "\u2028", "\U000e0041", "Ａ"]
    for place, old in enumerate(jws):
        for new in alphabet:
            if new != old:
                with pytest.raises(SignatureError):
                    verify(jws[:place] + new + jws[place + 1 :], jwks, typ=TYP)


@WITHIN_ONE_TEST
@given(st.data())
def test_nothing_can_be_put_in_taken_out_or_moved(signer: Signer, data: st.DataObject) -> None:
    jws, jwks = signer.sign(PAYLOAD, typ=TYP), signer.jwks()
    place = data.draw(st.integers(0, len(jws)))
    length = data.draw(st.integers(0, 6))
    piece = data.draw(st.text(st.sampled_from("AQgw_-.= \n\0"), max_size=4))
    changed = jws[:place] + piece + jws[place + length :]
    if changed != jws:
        with pytest.raises(SignatureError):
            verify(changed, jwks, typ=TYP)


def test_unused_bits_of_the_last_character_are_held_to_zero(signer: Signer) -> None:
    jws, jwks = signer.sign(PAYLOAD, typ=TYP), signer.jwks()
    signature = jws.rpartition(".")[2]
    same = [
        last
        for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        if decoded(signature[:-1] + last) == decoded(signature) and last != signature[-1]
    ]
    assert len(same) == 15  # 86 characters hold 516 bits, a signature has 512
    for last in same:
        with pytest.raises(SignatureError, match="spelling"):
            verify(jws[:-1] + last, jwks, typ=TYP)


@pytest.mark.parametrize(
    "around", ["{}\n", " {}", "{} ", "{}.", ".{}", "{}=", "{}==", "\ufeff{}", "Bearer {}", ""]
)
def test_nothing_may_stand_around_a_statement(signer: Signer, around: str) -> None:
    with pytest.raises(SignatureError):
        verify(around.format(signer.sign(PAYLOAD, typ=TYP)), signer.jwks(), typ=TYP)


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "Ed25519"},
        {"alg": "eddsa"},
        {"typ": "other+jwt"},
        {"typ": None},
        {"kid": None},
        {"kid": 7},
        {"kid": "unknown"},
        {"crit": ["exp"], "exp": 1},
        {"b64": False, "crit": ["b64"]},
        {"jwk": {"kty": "OKP"}},
        {"jku": "https://example.org/jwks.json"},
    ],
    ids=str,
)
def test_another_header_is_refused_whoever_signed_it(
    home: Path, signer: Signer, change: dict[str, object]
) -> None:
    header = {"alg": "EdDSA", "kid": signer.kid, "typ": TYP, **change}
    header = {name: value for name, value in header.items() if value is not None}
    with pytest.raises(SignatureError):
        verify(resigned(home, canonical(header), canonical(PAYLOAD)), signer.jwks(), typ=TYP)


def test_a_symmetric_signature_under_the_public_key_is_refused(signer: Signer) -> None:
    [jwk] = signer.jwks()["keys"]
    signed = (
        f"{encoded(canonical({'alg': 'HS256', 'kid': jwk['kid'], 'typ': TYP}))}.{encoded(b'{}')}"
    )
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA512)
    forged = f"{signed}.{encoded(mac.sign(signed.encode(), decoded(jwk['x'])))}"
    with pytest.raises(SignatureError):
        verify(forged, signer.jwks(), typ=TYP)


@pytest.mark.parametrize(
    "payload",
    [b'{"a":1,"a":1}', b'{"b":1,"a":2}', b'{"a": 1}', b'{"a":1.0}', b"[]", b"null", b"", b"\xff"],
)
def test_a_payload_in_another_spelling_is_refused_whoever_signed_it(
    home: Path, signer: Signer, payload: bytes
) -> None:
    header = canonical({"alg": "EdDSA", "kid": signer.kid, "typ": TYP})
    with pytest.raises(SignatureError):
        verify(resigned(home, header, payload), signer.jwks(), typ=TYP)


def test_a_header_in_another_spelling_is_refused_whoever_signed_it(
    home: Path, signer: Signer
) -> None:
    header = json.dumps({"typ": TYP, "kid": signer.kid, "alg": "EdDSA"}).encode()
    with pytest.raises(SignatureError):
        verify(resigned(home, header, canonical(PAYLOAD)), signer.jwks(), typ=TYP)


# Keys to trust


def test_a_key_is_found_by_what_it_is_and_not_by_what_it_is_called(signer: Signer) -> None:
    jws = signer.sign(PAYLOAD, typ=TYP)
    [jwk] = signer.jwks()["keys"]
    assert verify(jws, {"keys": [{**jwk, "kid": "renamed"}]}, typ=TYP) == PAYLOAD
    other = Ed25519PrivateKey.generate().public_key()
    posing = {**jwk, "x": encoded(other.public_bytes_raw())}
    with pytest.raises(SignatureError, match="not among"):
        verify(jws, {"keys": [posing]}, typ=TYP)
    assert thumbprint(other) != jwk["kid"]


@pytest.mark.parametrize(
    "jwks",
    [
        {},
        {"keys": []},
        {"keys": None},
        {"keys": ["x", 7, None]},
        {"keys": [{"kty": "oct", "k": "AAAA"}]},
        {"keys": [{"kty": "OKP", "crv": "Ed25519"}]},
        {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}]},
        {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "é"}]},
        {"keys": [{"kty": "OKP", "crv": "Ed448", "x": "AAAA"}]},
        [],
    ],
    ids=str,
)
def test_keys_that_are_none_verify_nothing(signer: Signer, jwks: Any) -> None:
    with pytest.raises(SignatureError):
        verify(signer.sign(PAYLOAD, typ=TYP), jwks, typ=TYP)


def test_the_thumbprint_is_that_of_the_standard() -> None:
    # RFC 8037, appendix A.3.
    x = decoded("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    public = Ed25519PublicKey.from_public_bytes(x)
    assert thumbprint(public) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


# Keys on the disk


def test_keys_are_readable_by_their_owner_alone(home: Path, signer: Signer) -> None:
    assert signer.kid
    assert home.stat().st_mode & 0o777 == 0o700
    files = list(home.iterdir())
    assert len(files) == 2
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_a_private_key_that_others_can_read_is_not_used(home: Path, signer: Signer) -> None:
    del signer
    (home / "signing-key.pem").chmod(0o640)
    with pytest.raises(SigningKeyError, match="chmod 600"):
        Signer.open(home)


def test_a_directory_that_others_can_write_to_is_not_used(home: Path, signer: Signer) -> None:
    del signer
    home.chmod(0o770)
    with pytest.raises(SigningKeyError, match="chmod 700"):
        Signer.open(home)


def garbage(path: Path) -> None:
    path.write_bytes(b"no key")


def another_kind(path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.x25519 import (  # noqa: PLC0415 - only here
        X25519PrivateKey,
    )

    path.write_bytes(
        X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )


@pytest.mark.parametrize("spoil", [garbage, another_kind])
def test_a_file_that_is_no_key_is_said_to_be_none(
    home: Path, signer: Signer, spoil: Callable[[Path], None]
) -> None:
    del signer
    spoil(home / "signing-key.pem")
    with pytest.raises(SigningKeyError, match=r"signing-key\.pem: not"):
        Signer.open(home)


def test_a_key_that_is_gone_signs_nothing(home: Path, signer: Signer) -> None:
    (home / "signing-key.pem").unlink()
    with pytest.raises(SigningKeyError):
        signer.sign(PAYLOAD, typ=TYP)


def test_a_place_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SigningKeyError, match="signing_dir"):
        Signer.open(tmp_path / "file" / "signing")


# Rotation


def test_after_a_rotation_earlier_statements_still_verify(signer: Signer) -> None:
    before = signer.sign(PAYLOAD, typ=TYP)
    old, new = signer.kid, signer.rotate()
    after = signer.sign(PAYLOAD, typ=TYP)
    assert signer.kid == new != old
    assert {jwk["kid"] for jwk in signer.jwks()["keys"]} == {old, new}
    assert verify(before, signer.jwks(), typ=TYP) == verify(after, signer.jwks(), typ=TYP)


def test_another_signer_of_the_directory_takes_the_new_key_at_once(
    home: Path, signer: Signer
) -> None:
    running = Signer.open(home)
    new = signer.rotate()
    assert running.kid == new
    assert verify(running.sign(PAYLOAD, typ=TYP), signer.jwks(), typ=TYP) == PAYLOAD


def test_the_old_private_key_is_gone_after_a_rotation(home: Path, signer: Signer) -> None:
    before = (home / "signing-key.pem").read_bytes()
    signer.rotate()
    assert all(before not in path.read_bytes() for path in home.iterdir())
    assert len(list(home.iterdir())) == 3


def test_what_is_published_holds_no_private_part(home: Path, signer: Signer) -> None:
    signer.rotate()
    for jwk in published(home)["keys"]:
        assert set(jwk) == {"alg", "crv", "kid", "kty", "use", "x"}


def test_a_key_whose_public_half_is_removed_is_trusted_no_longer(
    home: Path, signer: Signer
) -> None:
    jws, old = signer.sign(PAYLOAD, typ=TYP), signer.kid
    signer.rotate()
    (home / f"{old}.public.json").unlink()
    with pytest.raises(SignatureError, match="not among"):
        verify(jws, signer.jwks(), typ=TYP)


def test_a_directory_that_is_not_there_has_published_nothing(tmp_path: Path) -> None:
    assert published(tmp_path / "nowhere") == {"keys": []}
    assert not (tmp_path / "nowhere").exists()


def test_whoever_is_second_to_make_the_first_key_takes_it_and_leaves_nothing(
    home: Path, signer: Signer
) -> None:
    before = {path.name: path.read_bytes() for path in home.iterdir()}
    signing._make_first(home)  # as if the directory had been empty a moment ago
    assert {path.name: path.read_bytes() for path in home.iterdir()} == before
    assert Signer.open(home).kid == signer.kid


def _open_and_sign(home: Path, start: Any, results: Any) -> None:
    start.wait()
    signer = Signer.open(home)
    results.put((signer.kid, signer.sign(PAYLOAD, typ=TYP)))


def test_processes_that_come_at_once_agree_on_one_key(home: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start, results = context.Event(), context.Queue()
    processes = [
        context.Process(target=_open_and_sign, args=(home, start, results)) for _ in range(4)
    ]
    for process in processes:
        process.start()
    start.set()
    said = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert len(set(said)) == 1
    assert [jwk["kid"] for jwk in published(home)["keys"]] == [said[0][0]]
    assert len(list(home.iterdir())) == 2
