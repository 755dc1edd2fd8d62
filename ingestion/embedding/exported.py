"""An exported model on disk: its files, the manifest that vouches for them, and the check.

Holding an ``ExportedModel`` means the files were compared with their manifest. What must never live
here: making an export (``export``) or running one (``onnx``).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from ingestion.embedding.identity import EmbedderIdentity
from ingestion.embedding.weights import TOKENIZER, WEIGHTS, PackagedModel, sha256_of
from ingestion.errors import EmbeddingError

GRAPH: Final = "model.onnx"
# Beside the graph, not inside it: the runtime maps this file into memory instead of reading it.
GRAPH_WEIGHTS: Final = "model.onnx.data"
MANIFEST: Final = "manifest.json"
FILES: Final = (GRAPH, GRAPH_WEIGHTS, TOKENIZER)

# Part of the folder's name: an export by older code is left alone, not misread.
_LAYOUT: Final = 1


def export_folder(model: PackagedModel, *, model_dir: Path) -> Path:
    """Name the folder in which the export of a model stands under a model directory."""
    return model_dir / f"{model.name}-{model.identity.fingerprint}-{_LAYOUT}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an export was made from and what it consists of.

    Attributes:
        model: The model's name.
        weights: SHA-256 of the weights it was made from.
        files: SHA-256 of each file of the export.
        versions: The libraries that wrote it, for the curious; not compared.
    """

    model: str
    weights: str
    files: Mapping[str, str]
    versions: Mapping[str, str]

    @classmethod
    def describe(cls, model: PackagedModel, *, folder: Path, versions: Mapping[str, str]) -> Self:
        """Hash the files of a fresh export."""
        return cls(
            model=model.name,
            weights=model.sha256[WEIGHTS],
            files={name: sha256_of(folder / name) for name in FILES},
            versions=dict(versions),
        )

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the manifest of an export.

        Raises:
            EmbeddingError: There is none, or it is not one.
        """
        path = folder / MANIFEST
        try:
            return cls(**json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError) as error:
            raise EmbeddingError(
                f"{path} is missing or not a manifest; remove {folder} to export the model anew",
                code="export_invalid",
            ) from error

    def write(self, folder: Path) -> None:
        """Put the manifest beside the files it describes."""
        text = json.dumps(asdict(self), indent=2, sort_keys=True)
        (folder / MANIFEST).write_text(f"{text}\n", encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedModel:
    """An export whose files were found to be what their manifest says; made by ``load`` alone."""

    name: str
    identity: EmbedderIdentity
    folder: Path

    @property
    def graph(self) -> Path:
        """The ONNX graph; its weights stand beside it."""
        return self.folder / GRAPH

    @property
    def tokenizer(self) -> Path:
        """The vocabulary and rules of the tokenizer."""
        return self.folder / TOKENIZER

    @classmethod
    def load(cls, model: PackagedModel, *, folder: Path) -> Self:
        """Check an export on disk.

        Args:
            model: The model it must be an export of.
            folder: Where it stands.

        Raises:
            EmbeddingError: Files are missing or differ from the manifest, or the manifest is that
                of other weights.
        """
        manifest = Manifest.read(folder)
        if (manifest.model, manifest.weights) != (model.name, model.sha256[WEIGHTS]):
            raise EmbeddingError(
                f"{folder} holds an export of {manifest.model}, not of the expected weights of "
                f"{model.name}; remove it to export the model anew",
                code="export_invalid",
            )
        for name in FILES:
            try:
                intact = sha256_of(folder / name) == manifest.files.get(name)
            except OSError:
                intact = False
            if not intact:
                raise EmbeddingError(
                    f"{folder / name} differs from its manifest; remove {folder} to export the "
                    "model anew",
                    code="export_invalid",
                )
        return cls(name=model.name, identity=model.identity, folder=folder)
