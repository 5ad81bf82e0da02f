"""The world around each camera: what it is told, and what can be done to it from outside."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from trichoscope.instrument.camera import (
    CameraProcess,
    CameraSettings,
    CsiSettings,
    Fault,
    PhotographsSettings,
    SimulatedProcess,
    SimulatedSettings,
    UsbSettings,
)

FAKES = Path(__file__).parent / "fakes"
SIZE = (640, 480)


@dataclass
class World:
    """A camera's settings, and the folder in which its device, or what stands for it, is."""

    settings: CameraSettings
    folder: Path

    def environment(self) -> dict[str, str]:
        """With which the child process finds the fakes."""
        path = os.pathsep.join(filter(None, [str(FAKES), os.environ.get("PYTHONPATH")]))
        return {"PYTHONPATH": path, "FAKE_CAMERA": str(self.folder)}

    def unplug(self, camera: CameraProcess) -> None:
        """For three calls, where it is simulated; else until it is plugged in again."""
        if isinstance(camera, SimulatedProcess):
            camera.disturb(Fault("unplugged", times=3, on="open"))
        (self.folder / "missing").touch()
        if isinstance(self.settings, UsbSettings):
            shutil.rmtree(self.folder / "sys")
            shutil.rmtree(self.folder / "dev")
        if isinstance(self.settings, PhotographsSettings):
            self.settings.folder.rename(self.folder / "elsewhere")

    def plug(self) -> None:
        (self.folder / "missing").unlink()
        if isinstance(self.settings, UsbSettings):
            make_usb(self.folder, node=2)  # another number than before
        if isinstance(self.settings, PhotographsSettings):
            (self.folder / "elsewhere").rename(self.settings.folder)

    def fail(self, *kinds: str) -> None:
        """The next frames of a fake device do these things wrong."""
        (self.folder / "faults").write_text("\n".join(kinds))

    def fired(self) -> list[str]:
        file = self.folder / "fired"
        return file.read_text().split() if file.exists() else []


def make_world(name: str, folder: Path) -> World:
    match name:
        case "csi":
            return World(CsiSettings(size_px=SIZE, live_px=(320, 240), exposure_us=5000), folder)
        case "usb":
            make_usb(folder, node=0)
            return World(UsbSettings("1b3f:8301:A7", size_px=SIZE, exposure_us=5000, gain=20, root=folder), folder)
        case "simulated":
            return World(SimulatedSettings(size_px=SIZE), folder)
        case _:
            make_photographs(folder / "photographs")
            return World(PhotographsSettings(folder / "photographs"), folder)


def make_photographs(folder: Path) -> None:
    """Three pictures, one of them no JPEG, and a file that is none."""
    folder.mkdir()
    for i, name in enumerate(("a.jpg", "b.png", "d.jpg")):
        cv2.imwrite(str(folder / name), np.full((SIZE[1], SIZE[0], 3), 60 * (i + 1), np.uint8))
    (folder / "c.jpg").write_bytes((folder / "a.jpg").read_bytes()[:-200])


def make_usb(root: Path, node: int) -> None:
    """A file tree as the kernel shows a scope with a key, another camera of its kind, and a camera's second node."""
    port = root / "sys/devices/pci0/usb1"
    for bus, serial, video in (("1-1", "B0", 10 + node), ("1-2", "A7", node)):
        interface = port / bus / f"{bus}:1.0"
        for index in (0, 1):
            device = interface / f"video4linux/video{video + index}"
            device.mkdir(parents=True)
            (device / "index").write_text(f"{index}\n")
            (device / "device").symlink_to(Path("../.."))
            shown = root / f"sys/class/video4linux/video{video + index}"
            shown.parent.mkdir(parents=True, exist_ok=True)
            shown.symlink_to(os.path.relpath(device, shown.parent))
            place = root / f"dev/video{video + index}"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
        (interface / f"input/input{video}/event{video}").mkdir(parents=True)
        (root / "dev/input").mkdir(exist_ok=True)
        (root / f"dev/input/event{video}").touch()
        for name, text in (("idVendor", "1b3f"), ("idProduct", "8301"), ("serial", serial)):
            (port / bus / name).write_text(text + "\n")
