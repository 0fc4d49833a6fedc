# SPDX-License-Identifier: GPL-3.0-or-later
"""An exported state: what a run needs to go on elsewhere, in half precision, as files that a repository can hold.

A folder of shards and ``state.json``, which names them by SHA-256 and is written last: what it does not
name is not there. Of Adam's moments the second ones travel, as square roots, since halves have few
exponents, and each tensor scaled by a power of two; the first ones are overwritten by every step, their beta being 0. The
averaged generator stays in the model file, which holds just these halves, and is found by the digest of
its weights, as the card may be given other words later.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from aigc_blender.errors import ModelError
from aigc_blender.generator.architecture import Architecture, architecture_from_dict
from aigc_blender.generator.checkpoint import Model, load_model

from ..errors import TrainingError
from ..files import TEMPORARY, replacing

FORMAT = "aigc training state 1"
INDEX = "state.json"
SHARD = re.compile(r"\d+-[0-9a-f]{12}\.safetensors")
SHARD_BYTES = 16 * 2**20
ENTRY_BYTES = 160  # of a shard's header, for a tensor, besides its name
NETWORKS = ("generator", "discriminator")
OPTIMISERS = ("generator_optimiser", "discriminator_optimiser")
TOP = 15  # the greatest half is just below 2 ** 16


@dataclass(frozen=True)
class Exported:
    """The index of an exported state; its tensors are read when they are needed.

    ``plain`` is the run's state without its tensors. ``steps`` and ``exponents`` are of each parameter of an
    optimiser: Adam's count (0: it has not learned yet), and the power of two that its root was divided
    by. ``weights`` is the digest of those of the model file ``model``, empty where the average is in the shards;
    ``places`` are files one of which may be that model. ``start`` is the digest of the model that the run began
    with, if any, and ``alone`` how many steps its discriminator then learned alone.
    """

    folder: Path
    shards: dict[str, str]
    plain: dict[str, Any]
    architecture: Architecture
    steps: dict[str, list[int]]
    exponents: dict[str, list[int]]
    model: str
    weights: str
    start: str
    alone: int
    places: tuple[Path, ...]

    def state(self) -> dict[str, Any]:
        """The run's state but for the optimisers' groups.

        Raises:
            TrainingError: a shard is missing or damaged, or the model is not found.
        """
        tensors: dict[str, Tensor] = {}
        for name, digest in self.shards.items():
            tensors |= _read_shard(self.folder / name, digest)
        parts: dict[str, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            part, _, rest = name.partition(".")
            parts.setdefault(part, {})[rest] = tensor.float() if tensor.is_floating_point() else tensor
        average = self._model().network.state_dict() if self.weights else parts.get("average", {})
        networks = {name: parts.get(name, {}) for name in NETWORKS}
        return {**self.plain, **networks, "average": average, **{n: self._moments(n, parts) for n in OPTIMISERS}}

    def _moments(self, optimiser: str, parts: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Any]:
        moments = {}
        for index, (steps, exponent) in enumerate(zip(self.steps[optimiser], self.exponents[optimiser], strict=True)):
            if not steps:
                continue
            root = parts.get(optimiser, {}).get(str(index))
            if root is None:
                raise _damaged(self.folder, f"moment {index} of the {optimiser} is missing")
            square = torch.ldexp(root, torch.tensor(exponent)).square()
            moments[index] = {
                "step": torch.tensor(float(steps)),
                "exp_avg": torch.zeros_like(square),
                "exp_avg_sq": square,
            }
        return {"state": moments}

    def model_file(self) -> Path | None:
        """The file that holds the averaged generator; None where the average is in the shards.

        Raises:
            TrainingError: it is not found.
        """
        return self._model().file.path if self.weights else None

    def _model(self) -> Model:
        beside = self.folder.with_name(f"{self.folder.name}.safetensors")
        for path in (beside, *self.places):
            with contextlib.suppress(ModelError):
                model = load_model(path)
                if _digest(model.network.state_dict()) == self.weights:
                    return model
        raise TrainingError(
            f"{self.folder} goes on with the weights of the model {self.model}, which is not found; put that file to {beside}."
        )


def export_state(state: Mapping[str, Any], model: Model, folder: Path, limit: int = SHARD_BYTES) -> Exported:
    """Write the state of the run that made a model, whole or not at all, in shards of at most ``limit`` bytes; what was exported there before is replaced.

    Raises:
        TrainingError: the folder holds something else or cannot be written, or the model is another run's.
    """
    tensors, steps, exponents = _halves(state)
    average, known = _halved("average", state["average"]), model.network.state_dict()
    if {n: t.shape for n, t in known.items()} != {n: t.shape for n, t in state["average"].items()}:
        raise TrainingError(
            f"{model.file.path}: the run beside it makes a model of another shape; give the model that it made."
        )
    held = all(torch.equal(average[f"average.{name}"], tensor.half()) for name, tensor in known.items())
    if not held:
        tensors |= average
    tensors_of_run = {"average", *NETWORKS, *OPTIMISERS}
    index = {
        "format": FORMAT,
        "model": {"file": model.file.path.name, "weights": _digest(known) if held else ""},
        "state": {name: value for name, value in state.items() if name not in tensors_of_run},
        "architecture": model.architecture.to_dict(),
        "steps": steps,
        "exponents": exponents,
    }
    try:
        if folder.is_dir() and any(folder.iterdir()) and not _is_ours(folder):
            raise TrainingError(f"{folder} holds something else than an exported state; give a new or an empty folder.")
        try:
            shards = {}
            for number, data in enumerate(_shards(tensors, limit), 1):
                digest = hashlib.sha256(data).hexdigest()
                name = f"{number}-{digest[:12]}.safetensors"
                with replacing(folder / name) as temporary:
                    temporary.write_bytes(data)
                shards[name] = digest
            with replacing(folder / INDEX) as temporary:
                temporary.write_text(json.dumps({**index, "shards": shards}, indent=1) + "\n", encoding="utf-8")
        finally:
            _tidy(folder)
    except OSError as error:
        raise TrainingError(
            f"{folder}: cannot be written ({error.strerror}); choose another folder or free some space."
        ) from None
    return read_exported(folder)


def read_exported(folder: Path, places: Iterable[Path] = ()) -> Exported:
    """The index of an exported state; its model is looked for beside the folder, under its name, and in ``places``.

    Raises:
        TrainingError: the folder holds none, or one that is damaged or of another version.
    """
    path = folder / INDEX
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(
            f"{folder}: holds no exported state ({path.name}: {error.strerror}); give a folder that export wrote."
        ) from None
    except (ValueError, RecursionError):
        raise _damaged(folder, f"{path.name} is not JSON") from None
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise TrainingError(
            f"{folder}: made by another program or by another version of this one; give a folder that export wrote."
        )
    try:
        plain = dict(raw["state"])
        exported = Exported(
            folder,
            shards={str(name): str(digest) for name, digest in raw["shards"].items()},
            plain={
                **plain,
                "steps": int(plain["steps"]),
                "config": dict(plain["config"]),
                "run": {
                    "origin": dict(plain["run"]["origin"]),
                    "seconds": float(plain["run"]["seconds"]),
                    "rollbacks": int(plain["run"]["rollbacks"]),
                },
            },
            architecture=architecture_from_dict(raw["architecture"]),
            steps={name: [int(n) for n in raw["steps"][name]] for name in OPTIMISERS},
            exponents={name: [int(n) for n in raw["exponents"][name]] for name in OPTIMISERS},
            model=str(raw["model"]["file"]),
            weights=str(raw["model"]["weights"]),
            start=str(plain["run"]["origin"]["from"]),
            alone=int(plain["config"]["alone"]),
            places=tuple(places),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(folder, f"{path.name}: {error!r}") from None
    if not all(SHARD.fullmatch(name) for name in exported.shards):
        raise _damaged(folder, f"{path.name} names files that are no shards")
    if any(len(exported.steps[name]) != len(exported.exponents[name]) for name in OPTIMISERS):
        raise _damaged(folder, f"{path.name}: its lists differ in length")
    return exported


def _halves(state: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, list[int]], dict[str, list[int]]]:
    """The tensors of networks and optimisers by name, and each optimiser's steps and exponents."""
    tensors: dict[str, Tensor] = {}
    steps: dict[str, list[int]] = {}
    exponents: dict[str, list[int]] = {}
    for name in NETWORKS:
        tensors |= _halved(name, state[name])
    for name in OPTIMISERS:
        (group,) = state[name]["param_groups"]
        steps[name], exponents[name] = [0] * len(group["params"]), [0] * len(group["params"])
        for index, moments in state[name]["state"].items():
            root = moments["exp_avg_sq"].sqrt()
            exponent = math.frexp(float(root.max()))[1] - TOP if root.any() else 0
            steps[name][index], exponents[name][index] = int(moments["step"]), exponent
            tensors[f"{name}.{index}"] = torch.ldexp(root, torch.tensor(-exponent)).half().contiguous()
    return tensors, steps, exponents


def _halved(network: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    halves = {}
    for name, tensor in tensors.items():
        half = tensor.half().contiguous() if tensor.is_floating_point() else tensor.contiguous()
        if not torch.isfinite(half).all():
            raise TrainingError(
                f"The {network}'s weights {name} are too large for half precision; train with a lower --rate."
            )
        halves[f"{network}.{name}"] = half
    return halves


def _shards(tensors: Mapping[str, Tensor], limit: int) -> Iterator[bytes]:
    """The tensors in their order as files of at most ``limit`` bytes."""
    shard: dict[str, Tensor] = {}
    room = limit
    for name, tensor in tensors.items():
        needed = tensor.numel() * tensor.element_size() + len(name) + ENTRY_BYTES
        if needed > limit:
            raise TrainingError(f"{name} alone takes {needed} bytes, more than a shard may; train a smaller network.")
        if needed > room:
            yield save_tensors(shard)
            shard, room = {}, limit
        shard[name] = tensor
        room -= needed
    yield save_tensors(shard)


def _read_shard(path: Path, digest: str) -> dict[str, Tensor]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _damaged(path.parent, f"{path.name}: {error.strerror}") from None
    if hashlib.sha256(data).hexdigest() != digest:
        raise _damaged(path.parent, f"{path.name} is not the file that was exported")
    try:
        tensors: dict[str, Tensor] = load_tensors(data)
    except SafetensorError as error:
        raise _damaged(path.parent, f"{path.name}: {error}") from None
    return tensors


def _digest(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 of a network's weights in half precision and of their names."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + weights[name].half().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _is_ours(folder: Path) -> bool:
    names = {path.name.removesuffix(TEMPORARY) for path in folder.iterdir()}
    index = folder / INDEX
    known = not index.exists() or FORMAT in index.read_text(encoding="utf-8", errors="replace")
    return known and all(name == INDEX or SHARD.fullmatch(name) for name in names)


def _tidy(folder: Path) -> None:
    """Remove the shards that the index does not name, and the folder if nothing is left."""
    kept = set(read_exported(folder).shards) if (folder / INDEX).exists() else set()
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in kept and SHARD.fullmatch(path.name.removesuffix(TEMPORARY)):
            path.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _damaged(folder: Path, why: str) -> TrainingError:
    return TrainingError(f"{folder}: damaged or incomplete ({why}); take another copy of the folder.")
