# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network trained on photographs sees in frames and in their differences.

The network is SqueezeNet 1.0 (Iandola et al. 2016) without its classifier; its weights are a file that the user names.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from aigc_blender.errors import AigcError

INPUT = 224  # pixels a side that the network was trained on
MEAN_BGR = (104.0, 117.0, 123.0)
AT_ONCE = 16  # images a call


class FeaturesError(AigcError):
    """A feature network that is missing, damaged or another one."""

    code = "features"
    exit_code = 2


class Fire(nn.Module):
    """Squeeze to few channels, then expand by 1x1 and by 3x3 filters side by side."""

    def __init__(self, inputs: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze1x1 = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, 2 expanded, H, W)."""
        x = functional.relu(self.squeeze1x1(x))
        return functional.relu(torch.cat([self.expand1x1(x), self.expand3x3(x)], dim=1))


class SqueezeNet(nn.Module):
    """SqueezeNet 1.0 up to its last fire module."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 7, stride=2)
        self.fire2, self.fire3, self.fire4 = Fire(96, 16, 64), Fire(128, 16, 64), Fire(128, 32, 128)
        self.fire5, self.fire6, self.fire7 = Fire(256, 32, 128), Fire(256, 48, 192), Fire(384, 48, 192)
        self.fire8, self.fire9 = Fire(384, 64, 256), Fire(512, 64, 256)

    def forward(self, images: Tensor) -> Tensor:
        """RGB (N, 3, H, W) in 0..1, of any size -> (N, 512), the spatial mean of the last module."""
        x = functional.interpolate(images, size=(INPUT, INPUT), mode="bilinear", align_corners=False)
        x = 255 * x.flip(1) - x.new_tensor(MEAN_BGR)[:, None, None]
        x = _pool(functional.relu(self.conv1(x)))
        x = _pool(self.fire4(self.fire3(self.fire2(x))))
        x = _pool(self.fire8(self.fire7(self.fire6(self.fire5(x)))))
        x = self.fire9(x)
        return x.mean((2, 3))


def load_network(path: Path) -> SqueezeNet:
    """The network with the weights of a ``.safetensors`` file, in float32.

    Raises:
        FeaturesError: the file is missing, damaged, or not that network's.
    """
    network = SqueezeNet()
    try:
        stored = load_file(path)
        weights = {name: stored[name].float() for name in network.state_dict()}
        network.load_state_dict(weights)
    except KeyError as error:
        raise FeaturesError(f"{path}: has no tensor {error}; give the weights of SqueezeNet 1.0.") from None
    except RuntimeError:
        raise FeaturesError(f"{path}: its tensors have other shapes; give the weights of SqueezeNet 1.0.") from None
    except (OSError, SafetensorError) as error:
        raise FeaturesError(f"{path}: cannot be read ({error}); give the weights of SqueezeNet 1.0.") from None
    network.requires_grad_(requires_grad=False).eval()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # much faster on CPUs; the stubs lack it
    return network


def frame_features(
    network: SqueezeNet, sets: Sequence[NDArray[np.uint8]], instants: list[int]
) -> list[NDArray[np.float32]]:
    """Features of frames of each of the sets (n, F, H, W, 4) of premultiplied RGBA, which are to be compared: (n, instants, d).

    Seen on black and on white, one after the other in d, unless all of them are opaque.
    """
    shown = [torch.from_numpy(clips[:, instants]).float() / 255 for clips in sets]
    backgrounds = (0.0, 1.0) if any((frames[..., 3] < 1).any() for frames in shown) else (0.0,)
    return [
        np.concatenate([_features(network, f[..., :3] + (1 - f[..., 3:]) * b) for b in backgrounds], axis=2)
        for f in shown
    ]


def difference_features(
    network: SqueezeNet, clips: NDArray[np.uint8], instants: list[int], lag: int
) -> NDArray[np.float32]:
    """Features of how the picture on black changes in ``lag`` frames: (n, instants, d); no change is mid grey."""
    before, after = (
        torch.from_numpy(clips[:, i, :, :, :3]).float() / 255 for i in (instants, [t + lag for t in instants])
    )
    return _features(network, 0.5 + (after - before) / 2)


@torch.inference_mode()
def _features(network: SqueezeNet, pictures: Tensor) -> NDArray[np.float32]:
    """(n, m, H, W, 3) -> (n, m, 512)."""
    images = pictures.flatten(0, 1).permute(0, 3, 1, 2)
    device = network.conv1.weight.device
    found = torch.cat([network(part.to(device)) for part in images.split(AT_ONCE)])
    return found.cpu().unflatten(0, pictures.shape[:2]).numpy()


def _pool(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, 3, stride=2, ceil_mode=True)
