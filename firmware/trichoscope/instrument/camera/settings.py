"""What a camera is told: plain values, as the configuration gives them and as they travel into the child process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from ..panel import Light

FaultKind: TypeAlias = Literal["hang", "crash", "late", "stale", "black", "torn", "unplugged", "wrong_exposure"]

MARGIN_UM = 200.0
"""How far the simulated scalp goes on around the frame: five times the usual tremor."""


@dataclass(frozen=True)
class CsiSettings:
    """A Raspberry Pi camera on its ribbon. Exposure and gains come from the calibration with a grey card."""

    driver: Literal["csi"] = "csi"
    size_px: tuple[int, int] = (4056, 3040)
    live_px: tuple[int, int] = (800, 600)
    exposure_us: int = 10_000
    """A multiple of 10 ms, so that mains light leaves no bands."""
    analogue_gain: float = 1.0
    colour_gains: tuple[float, float] = (2.0, 2.0)
    """Of red and blue; green is 1."""
    jpeg_quality: int = 93

    @property
    def gains(self) -> tuple[float, ...]:
        return (self.analogue_gain, *self.colour_gains)


@dataclass(frozen=True)
class UsbSettings:
    """A USB microscope of the video class."""

    device: str = ""
    """vendor:product or vendor:product:serial, as lsusb shows them."""
    driver: Literal["usb"] = "usb"
    pixel_format: Literal["MJPEG", "YUYV"] = "MJPEG"
    size_px: tuple[int, int] = (1920, 1080)
    exposure_us: int | None = None
    """In steps of 100 µs; None leaves it to the camera."""
    gain: int | None = None
    """In the camera's own unit; None leaves it to the camera."""
    white_balance_k: int | None = None
    jpeg_quality: int = 93
    """Of YUYV only: an MJPEG frame is the photograph as it is."""
    root: Path = Path("/")
    """Below which /sys and /dev are found."""

    @property
    def gains(self) -> tuple[float, ...]:
        return () if self.gain is None else (float(self.gain),)


@dataclass(frozen=True)
class SimulatedSettings:
    """A probe over a scalp that is drawn."""

    driver: Literal["simulated"] = "simulated"
    size_px: tuple[int, int] = (4056, 3040)
    um_per_px: float = 3.2
    seed: int = 1
    exposure_us: int = 10_000
    gains: tuple[float, ...] = (1.0, 2.0, 2.0)

    @property
    def scalp_px(self) -> tuple[int, int]:
        """Width and height of the scalp that is drawn, with its margin."""
        margin = 2 * round(MARGIN_UM / self.um_per_px)
        return self.size_px[0] + margin, self.size_px[1] + margin


@dataclass(frozen=True)
class PhotographsSettings:
    """A folder of photographs, each press the next one."""

    folder: Path = Path()
    driver: Literal["photographs"] = "photographs"
    exposure_us: None = None
    gains: tuple[float, ...] = ()


CameraSettings: TypeAlias = CsiSettings | UsbSettings | SimulatedSettings | PhotographsSettings


SIMULATED_PATIENT = "SIM-0001"
"""Stands on the wristband that the probe can be held over."""


@dataclass(frozen=True)
class Probe:
    """Where the simulated probe is and how it is held. Another patient or site is another scalp."""

    patient: str = ""
    site: str = ""
    light: Light = "off"
    """With it off a frame is dark. Both kinds of light show the same."""
    defocus_um: float = 0.0
    """Blur (Gaussian sigma) on the skin, beside that of the lens."""
    exposure: float = 1.0
    """Times the right one."""
    tremor_um: float = 40.0
    """Standard deviation of where a frame looks, in each direction."""


@dataclass(frozen=True)
class Fault:
    """What the simulated camera does wrong, once it comes to it: faults wait for each other."""

    kind: FaultKind
    times: int = 1
    """In how many calls of `on`, those of the next process included."""
    on: Literal["capture", "preview", "open"] = "capture"
    late_s: float = 0.2
    """How long `late` takes."""
