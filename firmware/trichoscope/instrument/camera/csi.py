"""A Raspberry Pi camera by picamera2: one configuration with the photograph and the live picture, never another one.

Switching modes loses the lens shading now and then (picamera2 issue 1341); without switching, the live picture comes at
the rate of the full resolution (10 frames/s from 4056 × 3040 of an IMX477).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from ...errors import CameraDriverMissing, CameraHung, CameraMissing, CameraModeRefused
from .protocol import Photograph
from .settings import CsiSettings

BUFFERS = 3
"""One being exposed, one queued, one in hand; 18 MB each."""
PREVIEW_S, CAPTURE_S = 1.2, 2.2
"""Shorter than the deadlines of the process, so that the log says which call hung."""

Plane = NDArray[np.uint8]


class CsiCamera:
    """The driver. Both streams are YUV 4:2:0 of full range, which is what a JPEG holds: nothing is converted."""

    name = "csi"

    def __init__(self, settings: CsiSettings) -> None:
        self._settings = settings
        self._camera: Any = None
        self._sequence = 0
        self.size_px = settings.size_px

    def open(self) -> None:
        try:
            from picamera2 import Picamera2
        except ImportError as error:
            raise CameraDriverMissing(f"{error}.") from error
        ribbon = [i for i, camera in enumerate(Picamera2.global_camera_info()) if "/usb" not in camera["Id"]]
        if not ribbon:
            raise CameraMissing("libcamera sees none on a ribbon.")
        settings = self._settings
        self._camera = camera = Picamera2(ribbon[0])
        camera.configure(
            camera.create_still_configuration(
                main={"format": "YUV420", "size": settings.size_px},
                lores={"format": "YUV420", "size": settings.live_px},
                raw=None,
                buffer_count=BUFFERS,
                controls={
                    "AeEnable": False,
                    "AwbEnable": False,
                    "ExposureTime": settings.exposure_us,
                    "AnalogueGain": settings.analogue_gain,
                    "ColourGains": settings.colour_gains,
                },
            )
        )
        got = camera.camera_configuration()
        for stream, wanted in (("main", settings.size_px), ("lores", settings.live_px)):
            if (tuple(got[stream]["size"]), got[stream]["format"]) != (wanted, "YUV420"):
                raise CameraModeRefused(f"{stream}: {got[stream]['size']} {got[stream]['format']} instead of {wanted}.")
        camera.start()
        self._sequence = 0

    def preview(self) -> NDArray[np.uint8]:
        request = self._request(PREVIEW_S)
        try:
            y, u, v = planes_of(request.make_array("lores"), self._settings.live_px)
        finally:
            request.release()
        size = self._settings.live_px
        full = cv2.merge([y, cv2.resize(v, size), cv2.resize(u, size)])
        return np.asarray(cv2.cvtColor(full, cv2.COLOR_YCrCb2RGB), np.uint8)

    def capture(self, after_ns: int) -> Photograph:
        request = self._request(CAPTURE_S, flush=after_ns)
        try:
            metadata = request.get_metadata()
            planes = planes_of(request.make_array("main"), self.size_px)
        finally:
            request.release()
        self._sequence += 1
        return Photograph(
            jpeg=simplejpeg.encode_jpeg_yuv_planes(*planes, quality=self._settings.jpeg_quality),
            sequence=self._sequence,
            # SensorTimestamp is when the first row was read out, the end of its exposure (picamera2 issue 821)
            sensor_time_ns=metadata["SensorTimestamp"] - 1000 * metadata["ExposureTime"],
            exposure_us=metadata["ExposureTime"],
            # what the sensor's steps of gain leave over, libcamera makes up digitally
            gains=(metadata["AnalogueGain"] * metadata.get("DigitalGain", 1.0), *metadata["ColourGains"]),
            metadata={key: _plain(value) for key, value in metadata.items()},
        )

    def pressed(self) -> bool:
        return False

    def close(self) -> None:
        if self._camera is not None:
            self._camera.close()
            self._camera = None

    def _request(self, wait_s: float, flush: int | None = None) -> Any:
        """The next frame; with `flush` the first one whose exposure began at or after that time. To be released.

        Raises CameraHung: the job stays queued in picamera2 then, so that only opening it again helps.
        """
        try:
            return self._camera.capture_request(wait=wait_s, flush=flush)
        except TimeoutError as error:
            raise CameraHung(f"No frame in {wait_s} s.") from error


def planes_of(array: Plane, size_px: tuple[int, int]) -> tuple[Plane, Plane, Plane]:
    """Y, U and V of picamera2's array of YUV420: (height · 3/2) × stride, the two chroma planes of half the stride."""
    width, height = size_px
    stride = array.shape[1]
    flat = array.reshape(-1)
    luma, chroma = height * stride, (height // 2) * (stride // 2)
    u, v = (
        flat[start : start + chroma].reshape(height // 2, stride // 2)[:, : width // 2]
        for start in (luma, luma + chroma)
    )
    return array[:height, :width], np.ascontiguousarray(u), np.ascontiguousarray(v)


def _plain(value: Any) -> Any:
    """A value of the metadata that can be kept: libcamera's own types become words."""
    return value if isinstance(value, bool | int | float | str | tuple | list) else str(value)
