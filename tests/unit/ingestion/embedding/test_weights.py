import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from ingestion.embedding.weights import CONFIG, MINILM, TOKENIZER, WEIGHTS, verified_folder
from ingestion.errors import EmbeddingError

CONTENT = {WEIGHTS: b"weights", CONFIG: b"config", TOKENIZER: b"tokenizer"}
MODEL = replace(
    MINILM, sha256={name: hashlib.sha256(data).hexdigest() for name, data in CONTENT.items()}
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in CONTENT.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_the_pinned_files_are_accepted(folder: Path) -> None:
    assert verified_folder(MODEL, folder=folder) == folder


def test_the_installed_weights_are_the_pinned_ones() -> None:
    assert (verified_folder(MINILM) / WEIGHTS).is_file()


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, TOKENIZER])
def test_one_changed_byte_in_any_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes(CONTENT[name] + b" ")
    with pytest.raises(EmbeddingError, match=f"{name}.*expected {MODEL.sha256[name]}") as refusal:
        verified_folder(MODEL, folder=folder)
    assert refusal.value.code == "weights_mismatch"


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, TOKENIZER])
def test_a_missing_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(EmbeddingError, match=f"{name}.*reinstall"):
        verified_folder(MODEL, folder=folder)


def test_a_package_that_is_not_installed_is_named_with_the_remedy() -> None:
    with pytest.raises(EmbeddingError, match="pip install no-such-model"):
        replace(MINILM, package="no_such_model").locate()
