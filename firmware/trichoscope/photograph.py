"""A photograph on disk becomes a Frame, whole and upright, or a numbered error.

JPEG, PNG, TIFF and BMP of one picture are read. Sizes are taken from the header, before anything is decoded.
Grey and CMYK become RGB, 16 bits become 8, alpha is dropped, the EXIF rotation is applied. A file that holds several
pictures (animation, stack) is refused: measuring the first of them silently would be a guess.
Colour profiles are not applied: no measurement depends on absolute colour.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar, cast

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from .errors import (
    NoPictures,
    NotAPicture,
    PictureDamaged,
    PictureTooLarge,
    PictureTooSmall,
    PictureUnreadable,
    PictureUnsupported,
    ScaleMissing,
    ScaleOutOfRange,
)
from .frame import SCALE_RANGE_UM_PER_PX, Frame

T = TypeVar("T")

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"})
OVERLAY_ENDING = "-overlay.png"
"""Of the pictures that `analyze` draws: they are passed over in folders."""
MAX_PIXELS = 100_000_000
"""300 MB once decoded; eight times the reference sensor."""
MAX_BYTES = 1_000_000_000
"""100 MP of 16-bit RGBA, uncompressed, and room for tags."""
MIN_SIDE_PX = 64

_UNREAD = {b"GIF8": "GIF", b"WEBP": "WebP", b"ftyp": "HEIC or AVIF", b"jP  ": "JPEG 2000", b"II+\0": "BigTIFF"}
# TIFF 6.0 tags, which EXIF uses too.
_SUBFILE_TYPE, _WIDTH, _HEIGHT, _BITS, _ORIENTATION, _SAMPLE_FORMAT = 254, 256, 257, 258, 274, 339
_THUMBNAIL, _FLOAT = 1, 3


def shown_name(path: Path) -> str:
    """A file name as text, also where its bytes are none."""
    return os.fsencode(path).decode(errors="replace")


def check_scale(um_per_px: float | None) -> float:
    """The scale, if an instrument for the scalp can have it.

    Raises ScaleMissing for None, ScaleOutOfRange for NaN and outside SCALE_RANGE_UM_PER_PX.
    """
    if um_per_px is None:
        raise ScaleMissing
    low, high = SCALE_RANGE_UM_PER_PX
    if not low <= um_per_px <= high:
        raise ScaleOutOfRange(f"Got {um_per_px:g}.")
    return um_per_px


def find_photographs(paths: Iterable[Path]) -> list[Path]:
    """Files as they are given, folders as the photographs directly in them by name; none of them twice.

    In folders, hidden files and overlays are passed over. Raises NoPictures for a folder without a photograph and
    PictureUnreadable for one that cannot be listed. A file that is missing is left for read_photograph to find.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        try:
            inside = sorted(
                p
                for p in path.iterdir()
                if p.suffix.lower() in SUFFIXES and not p.name.startswith(".") and not p.name.endswith(OVERLAY_ENDING)
            )
        except OSError as error:
            raise PictureUnreadable(f"{path}: {error.strerror}.") from error
        if not inside:
            raise NoPictures(str(path))
        found += inside
    return list(dict.fromkeys(found))


def read_photograph(path: Path, um_per_px: float) -> Frame:
    """One photograph at a known scale.

    Raises an error of family 2 (see errors.TABLE) where the file is not one whole picture, of family 6 where the scale
    is impossible.
    """
    check_scale(um_per_px)
    return decode_photograph(_read(path), um_per_px)


def decode_photograph(data: bytes, um_per_px: float) -> Frame:
    """The content of a file, as `read_photograph` reads it; the scale was checked. Raises an error of family 2."""
    return Frame(pixels=decode_pixels(data), um_per_px=um_per_px)


def read_pixels(path: Path) -> NDArray[np.uint8]:
    """One photograph whose scale nobody knows yet: height × width × 3, RGB.

    Raises an error of family 2 (see errors.TABLE) where the file is not one whole picture.
    """
    return decode_pixels(_read(path))


def decode_pixels(data: bytes) -> NDArray[np.uint8]:
    """The content of a file, as `read_pixels` reads it. Raises an error of family 2."""
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(data)
    if data.startswith((b"II*\0", b"MM\0*")):
        return _tiff(data)
    if data.startswith(b"BM"):
        return _bmp(data)
    for magic, name in _UNREAD.items():
        if magic in data[:12]:
            raise PictureUnsupported(f"This is {name}.")
    raise NotAPicture("" if data else "It is empty.")


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise PictureTooLarge(f"It has {size / 1e6:.0f} MB, the limit is {MAX_BYTES / 1e6:.0f} MB.")
        return path.read_bytes()
    except OSError as error:
        raise PictureUnreadable(f"{error.strerror}.") from error


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise PictureTooLarge(f"It has {width} × {height} pixels, the limit is {MAX_PIXELS // 10**6} million.")
    if min(width, height) < MIN_SIDE_PX:
        raise PictureTooSmall(f"It has {width} × {height} pixels; each side needs {MIN_SIDE_PX}.")


def _jpeg(data: bytes) -> NDArray[np.uint8]:
    # Not by OpenCV: it is slower, and where the middle or the end of the data was overwritten (a power cut leaves
    # zeros) it returns a torn picture as a good one. Here every complaint of libjpeg-turbo is an error.
    height, width, colours, _ = _libjpeg(simplejpeg.decode_jpeg_header, data)
    _check_size(width, height)
    if colours in ("CMYK", "YCCK"):
        # Adobe's convention, followed by whatever writes such files: the inks are stored inverted.
        inks = _libjpeg(simplejpeg.decode_jpeg, data, "CMYK")
        pixels = (inks[..., :3].astype(np.uint16) * inks[..., 3:] // 255).astype(np.uint8)
    else:
        pixels = _libjpeg(simplejpeg.decode_jpeg, data, "RGB")
    exif, _ = _tiff_directory(_exif(data))
    return _upright(pixels, exif.get(_ORIENTATION, 1))


def _png(data: bytes) -> NDArray[np.uint8]:
    _check_size(*_unpack(">II", data, 16))
    if data.find(b"acTL", 0, data.find(b"IDAT")) >= 0:
        raise PictureUnsupported("It is animated.")
    return _opencv(data)


def _tiff(data: bytes) -> NDArray[np.uint8]:
    tags, second = _tiff_directory(data)
    if _WIDTH not in tags or _HEIGHT not in tags:
        raise PictureDamaged
    _check_size(tags[_WIDTH], tags[_HEIGHT])
    if tags.get(_SUBFILE_TYPE, 0) & _THUMBNAIL:
        raise PictureUnsupported("It starts with a thumbnail, as raw files of cameras do.")
    if second and not _tiff_directory(data, second)[0].get(_SUBFILE_TYPE, 0) & _THUMBNAIL:
        raise PictureUnsupported("It holds several pictures.")
    if tags.get(_SAMPLE_FORMAT) == _FLOAT or tags.get(_BITS, 1) > 16:
        raise PictureUnsupported("Its samples have more than 16 bits.")
    return _opencv(data)


def _bmp(data: bytes) -> NDArray[np.uint8]:
    width, height = _unpack("<ii", data, 18)
    _check_size(width, abs(height))  # a negative height means top row first
    return _opencv(data)


def _opencv(data: bytes) -> NDArray[np.uint8]:
    # From memory: OpenCV then refuses data that ends early, which from a file it fills with grey.
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        raise PictureDamaged(error.err) from error
    if pixels is None:
        raise PictureDamaged
    return cast("NDArray[np.uint8]", pixels)


def _libjpeg(decode: Callable[..., T], *arguments: Any) -> T:
    try:
        return decode(*arguments)
    except ValueError as error:
        raise PictureDamaged(f"{error}.") from error


def _unpack(layout: str, data: bytes, at: int) -> tuple[Any, ...]:
    try:
        return struct.unpack_from(layout, data, at)
    except struct.error as error:
        raise PictureDamaged from error


def _exif(jpeg: bytes) -> bytes:
    """The TIFF structure in a JPEG's APP1 segment, empty where there is none."""
    at = 2
    while jpeg[at : at + 1] == b"\xff" and jpeg[at + 1 : at + 2] not in (b"\xda", b""):  # up to the start of the scan
        length = int.from_bytes(jpeg[at + 2 : at + 4])
        if jpeg[at + 4 : at + 10] == b"Exif\0\0":
            return jpeg[at + 10 : at + 2 + length]
        at += 2 + length
    return b""


def _tiff_directory(data: bytes, at: int | None = None) -> tuple[dict[int, int], int]:
    """The first value of each integer tag of a directory (the first one by default) and where the next one is, or 0.

    What cannot be parsed is left out: a camera's faulty EXIF does not spoil its picture.
    """
    tags: dict[int, int] = {}
    order = "<" if data.startswith(b"II") else ">"
    try:
        if at is None:
            (at,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind, length = struct.unpack_from(order + "HHI", data, entry)
            if (layout := {1: "B", 3: "H", 4: "I"}.get(kind)) is None:
                continue
            where = entry + 8
            if length * struct.calcsize(layout) > 4:
                (where,) = struct.unpack_from(order + "I", data, where)
            (tags[tag],) = struct.unpack_from(order + layout, data, where)
        (following,) = struct.unpack_from(order + "I", data, at + 2 + 12 * count)
    except struct.error:
        return tags, 0
    return tags, following


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The picture as its EXIF orientation (1–8) wants it shown."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
