# SPDX-License-Identifier: GPL-3.0-or-later
"""Model files: one ``.safetensors`` with the weights in half precision and the card in its metadata.

The file's bytes are read once, hashed and parsed from memory (a mapped file that is truncated under
us would kill the process), and every tensor is checked against the card before it is used.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from ..card import Card, ModelFile, parse_header, read_model_bytes
from ..errors import ModelError
from ..recipe import GENERATOR_VERSION
from .architecture import Architecture, architecture_from_dict
from .cost import flop_per_pixel
from .network import Generator

MAX_FLOP_PER_PIXEL = 4e6
_STORED = {"F16": torch.float16, "F32": torch.float32}


@dataclass(frozen=True)
class Model:
    """A model in memory: the file it came from and the network, on the CPU, in float32."""

    file: ModelFile
    network: Generator

    @property
    def card(self) -> Card:
        """The card of the file."""
        return self.file.card

    @property
    def architecture(self) -> Architecture:
        """The network's shape."""
        return self.network.architecture


def save_model(path: Path, card: Card, network: Generator, dtype: torch.dtype = torch.float16) -> None:
    """Write a model file, whole or not at all; the card's architecture is the network's.

    Raises:
        ModelError: the folder cannot be written.
    """
    tensors = {name: tensor.detach().cpu().to(dtype).contiguous() for name, tensor in network.state_dict().items()}
    data = save_tensors(tensors, metadata={"aigc_card": card.to_json()})
    parse_header(data, str(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise ModelError(
            f"{path}: cannot be written ({error.strerror}); choose another folder or free some space."
        ) from None


def load_model(path: Path) -> Model:
    """Read, check and build a model.

    Raises:
        ModelError: the file is missing, truncated, foreign, or its tensors are not what its card says.
    """
    data = read_model_bytes(path)
    header, card = parse_header(data, str(path))
    if card.generator != GENERATOR_VERSION:
        raise ModelError(
            f"{path}: made for generator version {card.generator}, this add-on has {GENERATOR_VERSION}; update the add-on."
        )
    try:
        architecture = architecture_from_dict(card.architecture)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path}: its architecture is not valid ({error}); take another copy of the file.") from None
    if architecture.styles != len(card.styles) or any(len(s.controls) > architecture.controls for s in card.styles):
        raise ModelError(
            f"{path}: its card and its architecture disagree about styles or controls; take another copy of the file."
        )
    if flop_per_pixel(architecture, 32) > MAX_FLOP_PER_PIXEL:
        raise ModelError(f"{path}: costs more arithmetic a pixel than this add-on permits; choose a smaller model.")
    network = Generator(architecture)
    _check_tensors(header, network, path)
    try:
        tensors = {name: tensor.float() for name, tensor in load_tensors(data).items()}
    except SafetensorError as error:
        raise ModelError(f"{path}: damaged or truncated ({error}); take another copy of the file.") from None
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise ModelError(f"{path}: tensor {name} holds numbers that are not finite; take another copy of the file.")
    network.load_state_dict(tensors, assign=True)
    network.requires_grad_(requires_grad=False).eval()
    return Model(ModelFile(path, hashlib.sha256(data).hexdigest(), card), network)


def _check_tensors(header: dict[str, object], network: Generator, path: Path) -> None:
    expected = network.state_dict()
    if missing := sorted(set(expected) ^ set(header)):
        raise ModelError(
            f"{path}: its tensors are not those its card states ({missing[0]}); take another copy of the file."
        )
    for name, tensor in expected.items():
        entry = header[name]
        if (
            not isinstance(entry, dict)
            or entry.get("shape") != list(tensor.shape)
            or not isinstance(entry.get("dtype"), str)
            or entry["dtype"] not in _STORED
        ):
            raise ModelError(
                f"{path}: tensor {name} has another shape or type than its card states; take another copy of the file."
            )
