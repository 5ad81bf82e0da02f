"""Every kind of file that a person may hand over: measured whole and upright, or refused with its number."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from trichoscope import errors
from trichoscope.photograph import MAX_BYTES, MIN_SIDE_PX, find_photographs, read_photograph

Pixels = NDArray[np.uint8]
JPEG_LOSS = 6.0
"""Mean grey levels between a smooth picture and its JPEG, with room for 4:2:0."""


def encode(picture: Pixels | Image.Image, kind: str, **options: Any) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def read(folder: Path, data: bytes, name: str = "photo.jpg") -> Pixels:
    path = folder / name
    path.write_bytes(data)
    frame = read_photograph(path, um_per_px=2.77)
    assert frame.um_per_px == 2.77
    assert frame.pixels.dtype == np.uint8 and frame.pixels.flags.c_contiguous
    return frame.pixels


def difference(a: Pixels, b: Pixels) -> float:
    assert a.shape == b.shape
    return float(np.abs(a.astype(int) - b).mean())


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_kinds_come_back_exactly(kind: str, tmp_path: Path, pixels: Pixels) -> None:
    assert np.array_equal(read(tmp_path, encode(pixels, kind)), pixels)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"subsampling": 2}], ids=str)
def test_jpeg_comes_back_as_rgb(options: dict[str, Any], tmp_path: Path, pixels: Pixels) -> None:
    assert difference(read(tmp_path, encode(pixels, "JPEG", quality=92, **options)), pixels) < JPEG_LOSS


def test_the_name_does_not_matter_the_content_does(tmp_path: Path, pixels: Pixels) -> None:
    assert np.array_equal(read(tmp_path, encode(pixels, "PNG"), "photo.jpg"), pixels)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(kind: str, tmp_path: Path, pixels: Pixels) -> None:
    cmyk = Image.fromarray(pixels).convert("CMYK")
    assert difference(read(tmp_path, encode(cmyk, kind)), pixels) < JPEG_LOSS


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP"])
def test_grey_becomes_three_equal_channels(kind: str, tmp_path: Path, pixels: Pixels) -> None:
    grey = pixels[..., 1]
    found = read(tmp_path, encode(grey, kind))
    assert difference(found, np.repeat(grey[..., None], 3, axis=2)) < JPEG_LOSS


@pytest.mark.parametrize("ending", [".png", ".tiff"])
def test_sixteen_bits_become_eight(ending: str, tmp_path: Path, pixels: Pixels) -> None:
    _, data = cv2.imencode(ending, pixels[..., ::-1].astype(np.uint16) * 257)
    assert difference(read(tmp_path, data.tobytes()), pixels) <= 1


def test_alpha_is_dropped(tmp_path: Path, pixels: Pixels) -> None:
    alpha = np.tile(np.arange(128, dtype=np.uint8)[:, None].T, (96, 1))
    assert np.array_equal(read(tmp_path, encode(np.dstack([pixels, alpha]), "PNG")), pixels)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_rotation_is_applied(orientation: int, kind: str, tmp_path: Path, pixels: Pixels) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    upright = {
        1: pixels,
        2: np.fliplr(pixels),
        3: np.rot90(pixels, 2),
        4: np.flipud(pixels),
        5: pixels.transpose(1, 0, 2),
        6: np.rot90(pixels, -1),
        7: np.rot90(pixels, 2).transpose(1, 0, 2),
        8: np.rot90(pixels, 1),
    }[orientation]
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    assert difference(read(tmp_path, encode(pixels, kind, exif=exif, **options)), upright) < JPEG_LOSS


def test_faulty_exif_does_not_spoil_the_picture(tmp_path: Path, pixels: Pixels) -> None:
    data = encode(pixels, "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert read(tmp_path, data).shape == pixels.shape


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.995])
def test_a_truncated_file_is_refused(kept: float, kind: str, tmp_path: Path, pixels: Pixels) -> None:
    data = encode(pixels, kind)
    with pytest.raises(errors.PictureDamaged):
        read(tmp_path, data[: int(len(data) * kept)])


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("lost", [slice(0.5, 1.0), slice(0.5, 0.7)], ids=["tail", "middle"])
def test_a_file_with_a_part_overwritten_by_zeros_is_refused(
    lost: slice, kind: str, tmp_path: Path, pixels: Pixels
) -> None:
    data = bytearray(encode(pixels, kind))
    start, stop = int(len(data) * lost.start), int(len(data) * lost.stop)
    data[start:stop] = bytes(stop - start)
    with pytest.raises(errors.PictureDamaged):
        read(tmp_path, bytes(data))


@pytest.mark.parametrize("data", [b"", b"Dear colleague,\n" * 50, bytes(5000), b"%PDF-1.7\n"])
def test_what_is_no_picture_is_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(errors.NotAPicture):
        read(tmp_path, data)


def test_several_pictures_in_one_file_are_refused(tmp_path: Path, pixels: Pixels) -> None:
    more = {"save_all": True, "append_images": [Image.fromarray(pixels[::-1].copy())]}
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        with pytest.raises(errors.PictureUnsupported):
            read(tmp_path, encode(pixels, kind, **more))


def test_float_samples_are_refused(tmp_path: Path, pixels: Pixels) -> None:
    with pytest.raises(errors.PictureUnsupported):
        read(tmp_path, encode(pixels[..., 0].astype(np.float32), "TIFF"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("size", [(1, 1), (MIN_SIDE_PX - 1, 500), (500, MIN_SIDE_PX - 1)])
def test_too_small_is_refused(size: tuple[int, int], kind: str, tmp_path: Path) -> None:
    with pytest.raises(errors.PictureTooSmall):
        read(tmp_path, encode(Image.new("RGB", size), kind))


def claims_to_be(kind: str, width: int, height: int) -> bytes:
    """A small file whose header gives another size."""
    data = bytearray(encode(Image.new("RGB", (80, 70)), kind))
    if kind == "JPEG":
        struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, height, width)
    elif kind == "PNG":
        struct.pack_into(">II", data, 16, width, height)
    elif kind == "BMP":
        struct.pack_into("<ii", data, 18, width, height)
    else:
        for tag, was, value in ((256, 80, width), (257, 70, height)):
            entry = data.index(struct.pack("<HHIH", tag, 4, 1, was)[:8])
            struct.pack_into("<I", data, entry + 8, value)
    return bytes(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP"])
def test_more_than_100_megapixels_are_refused_before_decoding(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(cv2, "imdecode")
    monkeypatch.delattr(simplejpeg, "decode_jpeg")
    with pytest.raises(errors.PictureTooLarge, match="10001 × 10000"):
        read(tmp_path, claims_to_be(kind, 10001, 10000))


def test_an_enormous_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.jpg"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(errors.PictureTooLarge):
        read_photograph(path, 2.77)


def test_what_cannot_be_opened_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(errors.PictureUnreadable, match="No such file"):
        read_photograph(tmp_path / "missing.jpg", 2.77)
    with pytest.raises(errors.PictureUnreadable, match="directory"):
        read_photograph(tmp_path, 2.77)

    def deny(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")  # root, as which tests may run, is denied nothing

    monkeypatch.setattr(Path, "read_bytes", deny)
    with pytest.raises(errors.PictureUnreadable, match="Permission denied"):
        read(tmp_path, b"")


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf"), 500, 0.49, 30.1])
def test_an_impossible_scale_is_refused_before_the_file_is_opened(scale: float, tmp_path: Path) -> None:
    with pytest.raises(errors.ScaleOutOfRange):
        read_photograph(tmp_path / "missing.jpg", scale)


SEEDS = [encode(Image.effect_noise((80, 70), 60).convert("RGB"), kind) for kind in ("JPEG", "PNG", "TIFF", "BMP")]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SEEDS), st.data())
def test_damage_anywhere_gives_a_picture_or_a_numbered_error(
    tmp_path_factory: pytest.TempPathFactory, seed: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(seed[: data.draw(st.integers(0, len(seed)))])
    for at in data.draw(st.lists(st.integers(0, max(len(damaged) - 1, 0)), max_size=8)):
        damaged[at : at + 1] = bytes([data.draw(st.integers(0, 255))])
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(damaged)
    try:
        assert read_photograph(path, 2.77).pixels.ndim == 3
    except errors.TrichoscopeError as error:
        assert error.row.family == 2


def test_a_folder_gives_its_photographs_by_name_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "c.tiff", "._b.JPG", "b-overlay.png", "b.json", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "d.jpg").touch()
    missing = tmp_path / "missing.jpg"
    found = find_photographs([missing, tmp_path, tmp_path / "a.png"])
    assert found == [missing, tmp_path / "a.png", tmp_path / "b.JPG", tmp_path / "c.tiff"]


def test_a_folder_without_photographs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(errors.NoPictures):
        find_photographs([tmp_path])
