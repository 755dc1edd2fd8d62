"""The exported default model, made when it is not there yet.

What lives here: where exports are kept, and running the export in a process of its own. What must
never: an import of the export itself, whose libraries a serving process has no use for.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from ingestion.embedding.exported import ExportedModel, export_folder
from ingestion.embedding.weights import MINILM
from ingestion.errors import EmbeddingError

MessageProgress: TypeAlias = Callable[[str], None]
"""Called with a few words for people whenever a new step begins."""

MODEL_DIR_VARIABLE: Final = "CLEARANCE_MODEL_DIR"
_DEFAULT_MODEL_DIR: Final = "~/.cache/clearance/models"
_EXPORT_MODULE: Final = "ingestion.embedding.export"


def default_model_dir() -> Path:
    """Say where exports are kept: ``$CLEARANCE_MODEL_DIR``, else a folder of the user's cache."""
    return Path(os.environ.get(MODEL_DIR_VARIABLE) or _DEFAULT_MODEL_DIR).expanduser()


def ensure_exported(
    *, model_dir: Path | None = None, on_progress: MessageProgress | None = None
) -> ExportedModel:
    """Return the checked export of the default model; make it first if it is absent or broken.

    Args:
        model_dir: The directory of all exports; ``default_model_dir()`` if not given.
        on_progress: Told what is being done, if anything has to be.

    Raises:
        EmbeddingError: The export could not be made; the message says why.
    """
    model_dir = (default_model_dir() if model_dir is None else model_dir).absolute()
    folder = export_folder(MINILM, model_dir=model_dir)
    try:
        return ExportedModel.load(MINILM, folder=folder)
    except EmbeddingError:
        pass  # absent or broken: the export, made anew from the pinned weights, is the remedy
    _run_export(["--model-dir", str(model_dir)], on_progress or (lambda _message: None))
    return ExportedModel.load(MINILM, folder=folder)


def _run_export(arguments: Sequence[str], on_progress: MessageProgress) -> None:
    """Run the export and pass its messages on.

    Each line it prints is a JSON object: ``progress``, or at last ``code`` and ``message``.
    """
    failure = EmbeddingError(
        "the export of the default model ended without saying why; run "
        f"python -m {_EXPORT_MODULE} {' '.join(arguments)} to see"
    )
    # -P keeps the current directory, which may be anybody's, off the child's module path.
    command = [sys.executable, "-P", "-m", _EXPORT_MODULE, *arguments]
    with subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
        command, stdout=subprocess.PIPE, env=_child_environment(), text=True, encoding="utf-8"
    ) as child:
        for line in child.stdout or ():
            said = json.loads(line)
            if "progress" in said:
                on_progress(said["progress"])
            else:
                failure = EmbeddingError(said["message"], code=said["code"])
    if child.returncode != 0:
        raise failure


def _child_environment() -> dict[str, str]:
    """Let the child import the same code as this process, installed or not."""
    root = str(Path(__file__).parents[2])
    inherited = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{inherited}" if inherited else root}
