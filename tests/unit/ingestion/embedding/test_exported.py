import json
from pathlib import Path

import pytest

from ingestion.embedding.exported import FILES, MANIFEST, ExportedModel, Manifest, export_folder
from ingestion.embedding.weights import MINILM
from ingestion.errors import EmbeddingError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).write_bytes(name.encode())
    Manifest.describe(MINILM, folder=tmp_path, versions={"onnx": "1"}).write(tmp_path)
    return tmp_path


def refusal(folder: Path) -> EmbeddingError:
    with pytest.raises(EmbeddingError) as caught:
        ExportedModel.load(MINILM, folder=folder)
    assert caught.value.code == "export_invalid"
    assert str(folder) in caught.value.message
    assert "to export the model anew" in caught.value.message
    return caught.value


def test_an_untouched_export_is_loaded(folder: Path) -> None:
    assert ExportedModel.load(MINILM, folder=folder).identity == MINILM.identity


@pytest.mark.parametrize("name", FILES)
def test_one_changed_byte_is_noticed(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    assert name in refusal(folder).message


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_missing_file_is_noticed(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert name in refusal(folder).message


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"model": 1, "extra": 2}', "null", "\xff"])
def test_a_manifest_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text, encoding="latin-1")
    refusal(folder)


@pytest.mark.parametrize("field", ["model", "weights", "files"])
def test_a_manifest_of_something_else_is_refused(folder: Path, field: str) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest[field] = {} if field == "files" else "other"
    (folder / MANIFEST).write_text(json.dumps(manifest))
    refusal(folder)


def test_exports_of_other_weights_stand_in_other_folders(tmp_path: Path) -> None:
    folder = export_folder(MINILM, model_dir=tmp_path)
    assert folder.parent == tmp_path
    assert MINILM.identity.fingerprint in folder.name
