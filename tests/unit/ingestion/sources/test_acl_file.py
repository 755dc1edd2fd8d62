"""``.acl.yaml``: what it grants, and that nothing in it is ever guessed at."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.documents import AclEntrySpec
from ingestion.errors import AclFileError
from ingestion.sources.acl_file import FileRule, parse_acl_file


def refused(source: str | bytes) -> AclFileError:
    content = source.encode() if isinstance(source, str) else source
    with pytest.raises(AclFileError) as caught:
        parse_acl_file(content, file="hr/.acl.yaml")
    assert caught.value.code == "acl_invalid"
    assert caught.value.file == "hr/.acl.yaml"
    return caught.value


def test_a_full_file_is_read_as_written() -> None:
    source = """
inherit: false
allow:
  - group:staff
  - {principal: "user:ann", expires_at: 2027-01-01T01:00:00+01:00}
deny: [everyone]
files:
  "salaries*.csv": {inherit: false, allow: [group:payroll]}
  note.txt:
    deny: [service:bot]
"""
    read = parse_acl_file(source.encode(), file=".acl.yaml")
    assert read.inherit is False
    assert read.entries == (
        AclEntrySpec("allow", "group:staff"),
        AclEntrySpec("allow", "user:ann", datetime(2027, 1, 1, tzinfo=UTC)),
        AclEntrySpec("deny", "everyone"),
    )
    assert read.files == (
        FileRule("salaries*.csv", False, (AclEntrySpec("allow", "group:payroll"),)),
        FileRule("note.txt", True, (AclEntrySpec("deny", "service:bot"),)),
    )


def test_inherit_is_true_unless_denied() -> None:
    assert parse_acl_file(b"allow: []", file="f").inherit is True


def test_a_files_own_name_goes_before_a_glob_and_the_first_glob_before_the_next() -> None:
    source = b"files: {'*.txt': {}, 'a*': {}, 'a.txt': {}, 'A.txt': {}}"
    read = parse_acl_file(source, file="f")
    fits = {
        name: rule and rule.pattern
        for name in ("a.txt", "b.txt", "ab")
        if (rule := read.rule_for(name))
    }
    assert fits == {"a.txt": "a.txt", "b.txt": "*.txt", "ab": "a*"}
    assert read.rule_for("c.md") is None


def test_a_name_is_matched_in_nfc_however_it_was_typed() -> None:
    read = parse_acl_file("files: {'cafe\u0301.txt': {}}".encode(), file="f")
    assert read.rule_for("caf\u00e9.txt") is not None


@pytest.mark.parametrize(
    ("source", "line", "field"),
    [
        ("allow: [group:a]\nalow: [group:b]\n", 2, "alow"),
        ("inherit: 'no'", 1, "inherit"),
        ("inherit: 1", 1, "inherit"),
        ("allow: group:a", 1, "allow"),
        ("allow:\n", 1, "allow"),
        ("allow:\n  - group:a\n  - group:*\n", 3, "allow[1]"),
        ("allow:\n  - staff\n", 2, "allow[0]"),
        ("allow: ['group: a']", 1, "allow[0]"),
        ("allow: ['group:a b']", 1, "allow[0]"),
        ("allow: ['everyone:x']", 1, "allow[0]"),
        ("allow: ['user:cafe\u0301']", 1, "allow[0]"),
        ("allow: [5]", 1, "allow[0]"),
        ("allow: [[group:a]]", 1, "allow[0]"),
        ("deny:\n- expires_at: 2027-01-01T00:00:00Z\n", 2, "deny[0].principal"),
        ("deny:\n- {principal: user:a, until: x}\n", 2, "deny[0].until"),
        ("deny:\n- principal: user:a\n  expires_at: 2027-01-01\n", 3, "deny[0].expires_at"),
        ("deny:\n- principal: user:a\n  expires_at: soon\n", 3, "deny[0].expires_at"),
        ("deny:\n- principal: user:a\n  expires_at: [x]\n", 3, "deny[0].expires_at"),
        ("allow: []\ndeny: []\nallow: []\n", 3, "allow"),
        ("- group:a", 1, None),
        ("files: [a]", 1, "files"),
        ("files:\n  a/b: {}\n", 2, "files['a/b']"),
        ("files:\n  .hidden: {}\n", 2, "files['.hidden']"),
        ("files:\n  a:\n    files: {}\n", 3, "files['a'].files"),
        ("files:\n  a:\n    allow: [x]\n", 3, "files['a'].allow[0]"),
        ("files:\n  a: {}\n  a: {}\n", 3, "files.a"),
        ("allow: [group:a\ndeny: []\n", 2, None),
        ("a: *nothing", 1, None),
        ("", None, None),
        ("# only a comment\n", None, None),
        ("? [a]\n: b\n", 1, "key"),
        ("--- {}\n--- {}\n", 2, None),
        ("\x07", None, None),
    ],
)
def test_every_mistake_is_refused_with_its_line_and_field(
    source: str, line: int | None, field: str | None
) -> None:
    error = refused(source)
    assert (error.line, error.field) == (line, field)
    shown = str(error)
    assert shown.startswith("hr/.acl.yaml" if line is None else f"hr/.acl.yaml:{line}: ")
    assert (field or "") in shown


def test_what_is_not_utf_8_or_enormous_or_bottomless_is_refused() -> None:
    assert "UTF-8" in str(refused(b"allow: [\xff]"))
    assert "larger" in str(refused(b"#" * 1_000_001))
    assert "nested" in str(refused(b"[" * 50_000))


def test_aliases_do_not_multiply() -> None:
    bomb = "a: &a [x]\n" + "".join(f"k{n}: &b{n} [*a, *a]\n" for n in range(9))
    refused(bomb)


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_anything_else_is_read_or_refused_and_never_crashed_on(source: str | bytes) -> None:
    content = source.encode() if isinstance(source, str) else source
    try:
        parse_acl_file(content, file="f")
    except AclFileError:
        return
