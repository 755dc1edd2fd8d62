"""Making the export: from the right weights only, once, completely or not at all."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ingestion.embedding.export import export
from ingestion.embedding.exported import GRAPH_WEIGHTS, MANIFEST, ExportedModel, export_folder
from ingestion.embedding.store import ensure_exported
from ingestion.embedding.weights import CONFIG, MINILM, TOKENIZER, WEIGHTS, sha256_of
from ingestion.errors import EmbeddingError


def published(model_dir: Path) -> list[str]:
    return sorted(path.name for path in model_dir.iterdir() if not path.name.endswith(".lock"))


def umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def test_other_weights_are_refused_and_nothing_is_published(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    for name in (WEIGHTS, CONFIG, TOKENIZER):
        (weights / name).write_bytes(b"not the model")
    models = tmp_path / "models"
    with pytest.raises(EmbeddingError) as refusal:
        export(model_dir=models, weights_folder=weights)
    assert refusal.value.code == "weights_mismatch"
    assert published(models) == []


def test_an_export_that_misses_the_reference_is_refused_and_nothing_is_published(
    tmp_path: Path,
) -> None:
    # The right weights under a configuration with other heads: a plausible graph, wrong vectors.
    weights = tmp_path / "weights"
    weights.mkdir()
    for name in (WEIGHTS, TOKENIZER):
        (weights / name).symlink_to(MINILM.locate() / name)
    config = json.loads((MINILM.locate() / CONFIG).read_text())
    (weights / CONFIG).write_text(json.dumps({**config, "num_attention_heads": 6}))
    model = replace(MINILM, sha256={**MINILM.sha256, CONFIG: sha256_of(weights / CONFIG)})
    models = tmp_path / "models"
    with pytest.raises(EmbeddingError) as refusal:
        export(model, model_dir=models, weights_folder=weights)
    assert refusal.value.code == "reference_mismatch"
    assert published(models) == []


def test_a_broken_export_is_made_anew_and_what_a_killed_one_left_is_removed(
    exported: ExportedModel, tmp_path: Path
) -> None:
    folder = export_folder(MINILM, model_dir=tmp_path)
    shutil.copytree(exported.folder, folder)
    with (folder / GRAPH_WEIGHTS).open("r+b") as stream:
        stream.seek(1_000_000)
        stream.write(b"bit rot")
    leftover = tmp_path / f".{folder.name}.draft-killed"
    leftover.mkdir()
    (leftover / "half").touch()
    said: list[str] = []
    ensure_exported(model_dir=tmp_path, on_progress=said.append)
    assert any("exporting" in message for message in said)
    assert published(tmp_path) == [folder.name]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o666 & ~umask()}
    assert sha256_of(folder / GRAPH_WEIGHTS) == sha256_of(exported.folder / GRAPH_WEIGHTS)


def test_a_good_export_is_left_alone(exported: ExportedModel) -> None:
    before = (exported.folder / MANIFEST).stat()
    said: list[str] = []
    ensure_exported(on_progress=said.append)
    export(model_dir=exported.folder.parent, say=said.append)
    assert said == []
    assert (exported.folder / MANIFEST).stat() == before


def test_two_processes_at_once_make_one_export(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ingestion.embedding.export", "--model-dir", str(tmp_path)]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module
        for _ in range(2)
    ]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum("exporting" in output for output in outputs) == 1
    assert published(tmp_path) == [export_folder(MINILM, model_dir=tmp_path).name]


def test_a_directory_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(EmbeddingError, match="CLEARANCE_MODEL_DIR") as refusal:
        ensure_exported(model_dir=blocked / "models")
    assert refusal.value.code == "export_failed"


def test_the_environment_says_where_exports_are_kept(
    exported: ExportedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(exported.folder, tmp_path / exported.folder.name)
    monkeypatch.setitem(os.environ, "CLEARANCE_MODEL_DIR", str(tmp_path))
    assert ensure_exported().folder == tmp_path / exported.folder.name
