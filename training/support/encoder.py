"""The BERT encoder in PyTorch, cut in two: lower layers that stay as they are, and upper ones.

Tensors keep the names that Hugging Face gives them, so that weights go in and out by name. What
must never live here: data, or a training step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from ingestion.embedding.weights import MINILM, WEIGHTS, verified_folder

if TYPE_CHECKING:
    from torch import Tensor

HIDDEN: Final = 384
HEADS: Final = 12
LAYERS: Final = 6
VERDICTS: Final = 3
_WIDE: Final = 1536
_EPSILON: Final = 1e-12


def pretrained() -> dict[str, Tensor]:
    """The tensors of MiniLM, hash-checked."""
    return load_file(verified_folder(MINILM) / WEIGHTS)


class Embeddings(nn.Module):
    """Words, positions and segments."""

    def __init__(self) -> None:
        """Make the tables."""
        super().__init__()
        self.word_embeddings = nn.Embedding(30522, HIDDEN)
        self.position_embeddings = nn.Embedding(512, HIDDEN)
        self.token_type_embeddings = nn.Embedding(2, HIDDEN)
        self.LayerNorm = nn.LayerNorm(HIDDEN, eps=_EPSILON)

    def forward(self, ids: Tensor, segments: Tensor) -> Tensor:
        """Embed; shapes (batch, length) to (batch, length, hidden)."""
        positions = torch.arange(ids.shape[1])
        summed = (
            self.word_embeddings(ids)
            + self.position_embeddings(positions)
            + self.token_type_embeddings(segments)
        )
        return self.LayerNorm(summed)


class Layer(nn.Module):
    """One encoder layer, under the names of the pretrained tensors."""

    def __init__(self, dropout: float) -> None:
        """Make the layer."""
        super().__init__()
        attention = nn.ModuleDict(
            {
                "self": nn.ModuleDict(
                    {name: nn.Linear(HIDDEN, HIDDEN) for name in ("query", "key", "value")}
                ),
                "output": _residual(HIDDEN),
            }
        )
        self.attention = attention
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(HIDDEN, _WIDE)})
        self.output = _residual(_WIDE)
        self.dropout = dropout

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Attend and widen; shape (batch, length, hidden), mask (batch, 1, 1, length) of bool."""
        batch, length, _ = hidden.shape
        projections = self.attention["self"]
        query, key, value = (
            projections[name](hidden).view(batch, length, HEADS, -1).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        mixed = mixed.transpose(1, 2).reshape(batch, length, HIDDEN)
        hidden = self._added(self.attention["output"], mixed, hidden)
        widened = functional.gelu(self.intermediate["dense"](hidden))
        return self._added(self.output, widened, hidden)

    def _added(self, residual: nn.ModuleDict, branch: Tensor, skip: Tensor) -> Tensor:
        branch = functional.dropout(residual["dense"](branch), self.dropout, self.training)
        return residual["LayerNorm"](branch + skip)


def _residual(width: int) -> nn.ModuleDict:
    return nn.ModuleDict(
        {"dense": nn.Linear(width, HIDDEN), "LayerNorm": nn.LayerNorm(HIDDEN, eps=_EPSILON)}
    )


class Lower(nn.Module):
    """Embeddings and the first layers, which training leaves alone."""

    def __init__(self, tensors: dict[str, Tensor], *, layers: int) -> None:
        """Load them."""
        super().__init__()
        self.embeddings = Embeddings()
        self.layer = nn.ModuleList(Layer(0.0) for _ in range(layers))
        _fill(self.embeddings, "embeddings.", tensors)
        for number, layer in enumerate(self.layer):
            _fill(layer, f"encoder.layer.{number}.", tensors)
        self.requires_grad_(requires_grad=False)
        self.eval()

    def forward(self, ids: Tensor, segments: Tensor, mask: Tensor) -> Tensor:
        """States after the last of them."""
        hidden = self.embeddings(ids, segments)
        for layer in self.layer:
            hidden = layer(hidden, mask[:, None, None, :])
        return hidden


class Upper(nn.Module):
    """The layers that are trained, and the head on the first token."""

    def __init__(self, tensors: dict[str, Tensor], *, below: int, dropout: float = 0.1) -> None:
        """Load the layers above `below`, and begin the head anew."""
        super().__init__()
        self.layer = nn.ModuleList(Layer(dropout) for _ in range(below, LAYERS))
        for number, layer in enumerate(self.layer, start=below):
            _fill(layer, f"encoder.layer.{number}.", tensors)
        self.head = nn.Linear(2 * HIDDEN, VERDICTS)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        self.dropout = dropout

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Log-odds of the verdicts, shape (batch, 3)."""
        for layer in self.layer:
            hidden = layer(hidden, mask[:, None, None, :])
        kept = mask[:, :, None].to(hidden.dtype)
        mean = (hidden * kept).sum(1) / kept.sum(1)
        pooled = torch.cat((hidden[:, 0], mean), dim=1)
        return self.head(functional.dropout(pooled, self.dropout, self.training))


def _fill(module: nn.Module, prefix: str, tensors: dict[str, Tensor]) -> None:
    names = module.state_dict()
    module.load_state_dict({name: tensors[f"{prefix}{name}"] for name in names})
