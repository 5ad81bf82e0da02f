"""Hairnet: a small fully convolutional network that turns a photograph at a fixed scale into maps of its hairs.

A U-Net of plain 3 × 3 convolutions (strides 2 to 32), batch norm and ReLU6 only, skips that add and bilinear
up-sampling: all of it stays int8 on the device. The last features have stride 4; every map leaves as 2 × 2
sub-cells in its channels (pixel shuffle, done outside the graph), so that its cells are two input pixels wide.
Int8, 1088 × 832, two x86 cores: a decoder that ends at stride 2 took 40 ms for fewer parameters, this 26 ms.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

MAPS: dict[str, int] = {"root": 1, "tip": 1, "centreline": 1, "orientation": 2, "to_root": 2, "log_width": 1}
"""Every output and its channels. root, tip and centreline are logits; orientation is cos 2θ and sin 2θ of the shaft's
angle θ; to_root is the way to the hair's own root in units of 256 µm; log_width is ln(width / 50 µm)."""
CHANNELS = (24, 48, 96, 160, 128)
"""At strides 2 to 32. The last is for context: which end of a hair is its root, its neighbours know best."""


def _convolve(channels_in: int, channels_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False), nn.BatchNorm2d(channels_out), nn.ReLU6()
    )


class Residual(nn.Module):
    """Two convolutions and a skip."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolve(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))
        self.activation = nn.ReLU6()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.activation(x + self.second(self.first(x)))
        return y


def _enlarge(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class Network(nn.Module):
    """(n, 3, height, width) in −1…1 (128 is 0) → for each of MAPS (n, 4 × channels, height / 4, width / 4)."""

    def __init__(self, channels: tuple[int, int, int, int, int] = CHANNELS) -> None:
        super().__init__()
        c2, c4, c8, c16, c32 = channels
        self.stem = _convolve(3, c2, 2)
        self.down4 = nn.Sequential(_convolve(c2, c4, 2), Residual(c4))
        self.down8 = nn.Sequential(_convolve(c4, c8, 2), Residual(c8))
        self.down16 = nn.Sequential(_convolve(c8, c16, 2), Residual(c16), Residual(c16))
        self.down32 = nn.Sequential(_convolve(c16, c32, 2), Residual(c32))
        self.lateral16 = nn.Conv2d(c32, c16, 1)
        self.lateral8 = nn.Conv2d(c16, c8, 1)
        self.up8 = Residual(c8)
        self.lateral4 = nn.Conv2d(c8, c4, 1)
        self.up4 = Residual(c4)
        self.heads = nn.ModuleList(nn.Conv2d(c4, 4 * n, 1) for n in MAPS.values())
        for name, head in zip(MAPS, self.heads, strict=True):
            if name in ("root", "tip", "centreline"):
                nn.init.constant_(head.get_parameter("bias"), -4.0)  # most cells are none: start there

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x4 = self.down4(self.stem(x))
        x8 = self.down8(x4)
        x16 = self.down16(x8)
        y = x16 + _enlarge(self.lateral16(self.down32(x16)))
        y = self.up8(x8 + _enlarge(self.lateral8(y)))
        y = self.up4(x4 + _enlarge(self.lateral4(y)))
        return tuple(head(y) for head in self.heads)


def maps_of(outputs: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """Name → (n, channels, height / 2, width / 2) float32: the outputs with their sub-cells unfolded."""
    return {name: functional.pixel_shuffle(y.float(), 2) for name, y in zip(MAPS, outputs, strict=True)}
