"""As much of picamera2 0.3.38 as the driver uses, with the manners that its source and its manual give it.

A request that is not released is not exposed again; `flush` compares the end of the exposure less the exposure time; a
wait that ends leaves its job queued; strides are longer than rows; frames come whether asked for or not.
"""

from __future__ import annotations

import time
from typing import Any

import fake_world
import numpy as np
from numpy.typing import NDArray

STRIDE = 64


class Picamera2:
    def __init__(self, camera_num: int = 0) -> None:
        if not 0 <= camera_num < len(self.global_camera_info()):
            raise IndexError("list index out of range")
        self._configuration: dict[str, Any] | None = None
        self._started_ns: int | None = None
        self._taken = -1
        self.outstanding = 0
        self.stuck = False

    @staticmethod
    def global_camera_info() -> list[dict[str, Any]]:
        if fake_world.missing():
            return []
        return [
            {"Model": "imx477", "Location": 2, "Rotation": 180, "Id": "/base/axi/pcie@1000120000/i2c@88000/imx477@1a"},
            {"Model": "scope", "Id": "/base/axi/pcie@1000120000/rp1/usb@300000-1:1.0-1b3f:8301"},
        ]

    def create_still_configuration(
        self,
        main: dict[str, Any],
        lores: dict[str, Any] | None = None,
        raw: dict[str, Any] | None = None,
        buffer_count: int = 1,
        controls: dict[str, Any] | None = None,
        queue: bool = True,
    ) -> dict[str, Any]:
        assert queue and raw is None
        return {"main": dict(main), "lores": dict(lores or {}), "buffer_count": buffer_count, "controls": controls}

    def configure(self, configuration: dict[str, Any]) -> None:
        if self._started_ns is not None:
            raise RuntimeError("Camera must be stopped before configuring")
        for name in ("main", "lores"):
            width, height = configuration[name]["size"]
            configuration[name]["size"] = width - width % 2, height - height % 2
            configuration[name]["stride"] = -(-width // STRIDE) * STRIDE
        self._configuration = configuration

    def camera_configuration(self) -> dict[str, Any]:
        assert self._configuration is not None
        return self._configuration

    def start(self) -> None:
        if self._configuration is None:
            raise RuntimeError("Camera has not been configured")
        self._started_ns = time.monotonic_ns()

    def capture_request(self, wait: float | None = None, flush: int | None = None) -> CompletedRequest:
        assert self._started_ns is not None and self._configuration is not None
        kind = fake_world.fault()
        if self.stuck or self.outstanding >= self._configuration["buffer_count"]:
            raise TimeoutError
        if kind == "stuck":
            self.stuck = True
            raise TimeoutError
        exposure_ns = 1000 * self._configuration["controls"]["ExposureTime"]
        # frame n is read out, and whole, at the end of period n
        newest = (time.monotonic_ns() - self._started_ns) // fake_world.PERIOD_NS
        frame = max(newest, self._taken + 1, 1)
        if kind == "stale":
            frame = self._taken
        elif flush:
            frame = max(frame, -(-(flush + exposure_ns - self._started_ns) // fake_world.PERIOD_NS))
        readout_ns = self._started_ns + frame * fake_world.PERIOD_NS
        left_s = (readout_ns - time.monotonic_ns()) * 1e-9
        if wait is not None and left_s > wait:
            self.stuck = True
            raise TimeoutError
        time.sleep(max(0.0, left_s))
        self._taken = frame
        self.outstanding += 1
        return CompletedRequest(self, frame, readout_ns, kind)

    def close(self) -> None:
        self._started_ns = None


class CompletedRequest:
    def __init__(self, camera: Picamera2, frame: int, readout_ns: int, kind: str | None) -> None:
        self._camera: Picamera2 | None = camera
        self._frame = frame
        self._readout_ns = readout_ns
        self._kind = kind

    def get_metadata(self) -> dict[str, Any]:
        assert self._camera is not None
        controls = self._camera.camera_configuration()["controls"]
        assert not controls["AeEnable"] and not controls["AwbEnable"]
        longer = 3 if self._kind == "wrong_exposure" else 0.997  # whole lines
        return {
            "SensorTimestamp": self._readout_ns,
            "ExposureTime": round(longer * controls["ExposureTime"]),
            "AnalogueGain": controls["AnalogueGain"] * 0.99,
            "DigitalGain": 1.0101,
            "ColourGains": controls["ColourGains"],
            "FrameDuration": fake_world.PERIOD_NS // 1000,
            "ScalerCrop": (0, 0, 4056, 3040),
        }

    def make_array(self, name: str) -> NDArray[np.uint8]:
        assert self._camera is not None
        stream = self._camera.camera_configuration()[name]
        assert stream["format"] == "YUV420"
        (width, height), stride = stream["size"], stream["stride"]
        array = np.zeros((height * 3 // 2, stride), np.uint8)
        flat = array.reshape(-1)
        array[:height, :width] = np.linspace(20, 220, width, dtype=np.uint8) if self._kind != "black" else 0
        chroma = (height // 2) * (stride // 2)
        flat[height * stride :][:chroma] = 118  # a reddish grey
        flat[height * stride + chroma :][:chroma] = 148
        return array

    def release(self) -> None:
        assert self._camera is not None, "released twice"
        self._camera.outstanding -= 1
        self._camera = None
