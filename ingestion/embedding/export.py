"""Make the export of the default model, once, in a process of its own.

Runs as ``python -m ingestion.embedding.export``, so that the libraries that write a graph and the
memory they need never enter a process that serves. The order is the safety: hash the weights before
opening them, compare the finished export with the reference before publishing it, publish by one
rename. What must never live here: anything a serving process imports.
"""

import argparse
import fcntl
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

import onnx
from safetensors.numpy import load_file

from ingestion.embedding.exported import (
    GRAPH,
    GRAPH_WEIGHTS,
    ExportedModel,
    Manifest,
    export_folder,
)
from ingestion.embedding.graph import BertShape, build_encoder
from ingestion.embedding.onnx import OnnxEmbedder
from ingestion.embedding.reference import Reference
from ingestion.embedding.weights import (
    CONFIG,
    MINILM,
    TOKENIZER,
    WEIGHTS,
    PackagedModel,
    verified_folder,
)
from ingestion.errors import EmbeddingError

Say = Callable[[str], None]

_WRITERS: Final = ("numpy", "onnx", "onnxruntime", "safetensors")
# Scalars and shapes stay in the graph; everything that has weight goes beside it.
_SMALLEST_BESIDE: Final = 1024


def export(
    model: PackagedModel = MINILM,
    *,
    model_dir: Path,
    weights_folder: Path | None = None,
    say: Say = lambda _message: None,
) -> ExportedModel:
    """Export a model, unless a good export stands already.

    Args:
        model: Which model.
        model_dir: The directory of all exports; made if missing.
        weights_folder: Where the weights are, if not in the installed package.
        say: Told in a few words what is being done.

    Raises:
        EmbeddingError: The weights are not the pinned ones, or the export does not reproduce the
            reference; nothing was published.
        OSError: The directory cannot be written to.
    """
    model_dir.mkdir(parents=True, exist_ok=True)
    final = export_folder(model, model_dir=model_dir)
    with _locked(model_dir / f".{final.name}.lock", say=say):
        try:
            return ExportedModel.load(model, folder=final)
        except EmbeddingError:
            pass  # absent or broken: either way the pinned weights are what to start from
        _clear_leftovers(final)
        say(f"checking the weights of {model.name}")
        source = verified_folder(model, folder=weights_folder)
        draft = model_dir / f"{_draft_prefix(final)}{os.getpid()}"
        draft.mkdir()
        try:
            say(f"exporting {model.name} to ONNX")
            _write_export(model, source=source, draft=draft)
            say("comparing the export with the reference vectors")
            _check_against_reference(model, draft=draft)
            _publish(draft, final)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return ExportedModel.load(model, folder=final)


@contextmanager
def _locked(path: Path, *, say: Say) -> Iterator[None]:
    """Hold a lock that the operating system releases however this process ends."""
    with path.open("w", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another process to finish the export")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _draft_prefix(final: Path) -> str:
    return f".{final.name}.draft-"


def _clear_leftovers(final: Path) -> None:
    """Remove what a killed export left behind; the lock says that nobody is writing it."""
    for leftover in final.parent.glob(f"{_draft_prefix(final)}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _write_export(model: PackagedModel, *, source: Path, draft: Path) -> None:
    """Write graph, weights, tokenizer and, last, the manifest that describes them."""
    config = json.loads((source / CONFIG).read_bytes())
    graph = build_encoder(load_file(source / WEIGHTS), shape=BertShape.from_config(config))
    onnx.save_model(
        graph,
        draft / GRAPH,
        save_as_external_data=True,
        location=GRAPH_WEIGHTS,
        size_threshold=_SMALLEST_BESIDE,
    )
    shutil.copyfile(source / TOKENIZER, draft / TOKENIZER)
    # The library keeps this file to its owner. The weights are no secret, and an image is often
    # built by one user and run by another.
    (draft / GRAPH_WEIGHTS).chmod((draft / GRAPH).stat().st_mode)
    versions = {library: version(library) for library in _WRITERS}
    Manifest.describe(model, folder=draft, versions=versions).write(draft)


def _check_against_reference(model: PackagedModel, *, draft: Path) -> None:
    embedder = OnnxEmbedder(ExportedModel.load(model, folder=draft))
    try:
        Reference.shipped().check(embedder)
    finally:
        embedder.close()


def _publish(draft: Path, final: Path) -> None:
    """Put the export in its place by one rename.

    A broken one is moved aside first: a rename replaces no folder that has files in it. Processes
    that have the old files mapped keep them.
    """
    if final.exists():
        final.replace(draft.with_name(f"{draft.name}.replaced"))
    draft.replace(final)
    _clear_leftovers(final)


def main(arguments: list[str] | None = None) -> int:
    """Export the default model.

    Standard output gets one JSON object a line: ``progress`` for every step, and ``code`` and
    ``message`` if it ends in an error.

    Returns:
        The exit code: 0, or 1 after an error.
    """
    parser = argparse.ArgumentParser(
        prog="python -m ingestion.embedding.export", description=__doc__
    )
    parser.add_argument("--model-dir", type=Path, required=True, help="directory of all exports")
    options = parser.parse_args(arguments)
    try:
        export(model_dir=options.model_dir, say=lambda message: _print(progress=message))
    except EmbeddingError as error:
        _print(code=error.code, message=error.message)
        return 1
    except OSError as error:
        _print(
            code="export_failed",
            message=f"{options.model_dir} cannot hold the exported model ({error.strerror}); free "
            "some space, or set CLEARANCE_MODEL_DIR to a directory that can be written to",
        )
        return 1
    return 0


def _print(**said: str) -> None:
    print(json.dumps(said), flush=True)  # noqa: T201 - this is what the parent process reads


if __name__ == "__main__":
    sys.exit(main())
