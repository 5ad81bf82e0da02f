"""The USB microscope of the emulated machine: a simulated video node and a simulated key, hung below a USB device.

The kernel's simulators hang on no USB. What the driver looks for there (vendor, product, serial number, input nodes) is
laid over /sys/class/video4linux as a folder in memory; the nodes in /dev and all that goes through them are real.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

DEVICE = "1b3f:8301:A7"
CLASS = Path("/sys/class/video4linux")
USB = Path("/run/scope/usb1/1-1")
VIVID, FED = "video0", "video1"
"""Nodes: one that makes pictures of its own, one that shows what a program writes into it."""
DRIVER = Path("/sys/bus/platform/drivers/vivid")


def plug(node: str, key: str | None = None) -> None:
    """Lay out the USB device with one video node and, where given, one input node such as `event3`."""
    if not CLASS.is_mount():
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", CLASS], check=True)
    unplug()
    vendor, product, serial = DEVICE.split(":")
    interface = USB / "1-1:1.0"
    interface.mkdir(parents=True, exist_ok=True)
    for name, text in (("idVendor", vendor), ("idProduct", product), ("serial", serial)):
        (USB / name).write_text(text + "\n")
    if key is not None:
        (interface / "input" / "input9" / key).mkdir(parents=True, exist_ok=True)
    video = CLASS / node
    video.mkdir()
    (video / "index").write_text("0\n")
    (video / "device").symlink_to(interface)


def unplug() -> None:
    """The device is gone from the bus."""
    for video in CLASS.iterdir():
        for entry in video.iterdir():
            entry.unlink()
        video.rmdir()


def tear_off() -> None:
    """Pull the plug of vivid while it may be filming: the kernel takes the node away under whoever reads it."""
    (DRIVER / "unbind").write_text("vivid.0")
    unplug()


def put_back() -> str:
    """Vivid again, under whatever name it gets: that of its video node."""
    (DRIVER / "bind").write_text("vivid.0")
    nodes = Path("/sys/devices/platform/vivid.0/video4linux")
    return next(nodes.glob("video*")).name
