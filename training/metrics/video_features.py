# SPDX-License-Identifier: GPL-3.0-or-later
"""What a video network sees in clips, for the Frechet video distance (Unterthiner et al. 2018).

The network is a TorchScript file that the user names, usually I3D trained on Kinetics. The file that is passed around
takes bytes and flags that say what to do with them; another network takes clips as I3D was trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from .features import INPUT, FeaturesError

FLAGS = {"rescale": True, "resize": True, "return_features": True}
FRAMES = 16  # of a clip, as is usual


@dataclass(frozen=True)
class VideoNetwork:
    """A TorchScript module and whether it takes ``FLAGS``."""

    path: Path
    module: torch.jit.ScriptModule
    flagged: bool
    device: torch.device

    @torch.inference_mode()
    def features(self, clips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Features of the first frames of clips (n, F, H, W, 4), premultiplied RGBA on black: (n, d).

        Raises:
            FeaturesError: the network does not take such clips or gives no vector a clip.
        """
        try:
            found = torch.cat([self._look(clip[None, :FRAMES, ..., :3]) for clip in clips])
        except (RuntimeError, ValueError, TypeError) as error:
            reason = str(error).strip().splitlines()[-1].rstrip(".")
            raise FeaturesError(
                f"{self.path}: cannot see clips of {min(FRAMES, clips.shape[1])} frames ({reason}); give I3D as TorchScript or more footage."
            ) from None
        if found.shape[0] != len(clips) or not torch.isfinite(found).all():
            raise FeaturesError(f"{self.path}: does not give a vector of numbers a clip; give I3D as TorchScript.")
        return found.numpy()

    def _look(self, pixels: NDArray[np.uint8]) -> Tensor:
        video = torch.from_numpy(np.ascontiguousarray(pixels)).to(self.device).float().permute(0, 4, 1, 2, 3)
        if self.flagged:
            features = self.module(video, **FLAGS)
        else:
            size = (video.shape[2], INPUT, INPUT)
            features = self.module(functional.interpolate(video, size, mode="trilinear") / 127.5 - 1)
        return torch.as_tensor(features).float().flatten(1).cpu()


def load_video_network(path: Path, device: torch.device) -> VideoNetwork:
    """The network of a TorchScript file. It is code: load only files from those you trust.

    Called with the flags ``rescale``, ``resize`` and ``return_features`` where it has them, it takes (N, 3, T, H, W) in
    0..255; without, of 224 x 224 pixels in -1..1.

    Raises:
        FeaturesError: the file is missing or no TorchScript.
    """
    try:
        module = torch.jit.load(str(path), map_location=device).eval()
    except (OSError, RuntimeError, ValueError) as error:
        reason = (str(error).strip().splitlines() or ["unknown"])[0].rstrip(".")
        raise FeaturesError(f"{path}: cannot be read ({reason}); give a network saved with torch.jit.save.") from None
    names = {argument.name for argument in module.forward.schema.arguments}
    return VideoNetwork(path, module, FLAGS.keys() <= names, device)
