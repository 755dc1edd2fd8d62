"""Secrets of certain form are found; what only looks like one is not."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.secrets import find_secrets


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("key AKIAIOSFODNN7EXAMPLE here", "secret.aws_access_key"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
            "secret.private_key",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", "secret.private_key"),
        ("token ghp_" + "a1B2" * 9, "secret.github_token"),
        ("Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.abcDEF_-123", "secret.jwt"),
        ("pay with 4111 1111 1111 1111 today", "secret.card_number"),
        ("pay with 4111111111111111", "secret.card_number"),
        ("amex 3782-822463-10005", "secret.card_number"),
        ("to DE89 3704 0044 0532 0130 00.", "secret.iban"),
        ("to GB29NWBK60161331926819", "secret.iban"),
    ],
)
def test_a_secret_is_found_and_never_repeated(text: str, rule: str) -> None:
    (finding,) = find_secrets(text)
    assert finding.rule == rule
    assert text[finding.start : finding.end] not in finding.message


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",
        "0000 0000 0000 0000",
        "DE89 3704 0044 0532 0130 01",
        "order 1234567890123",
        "eyJub3QiOiJqd3QifQ.eyJzdWIiOiJ4In0.abc",
        "AKIA is a prefix",
        "the private key is kept in the safe",
        "a@example.com",
    ],
)
def test_what_fails_its_check_is_no_secret(text: str) -> None:
    assert find_secrets(text) == ()


@given(st.text(st.sampled_from("0123456789 -4AKIDE")))
def test_spans_are_apart_and_ascending(text: str) -> None:
    found = find_secrets(text)
    assert all(a.end <= b.start for a, b in pairwise(found))
