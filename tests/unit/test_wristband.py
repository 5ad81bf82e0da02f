"""Codes of wristbands in the live picture: the one that is there, never one that might be another patient's."""

from __future__ import annotations

import numpy as np
import pytest
import zxingcpp
from numpy.typing import NDArray

from trichoscope.instrument.wristband import problem_of, read_code

Picture = NDArray[np.uint8]


def band(*codes: tuple[str, zxingcpp.BarcodeFormat]) -> Picture:
    picture = np.full((600, 800, 3), 215, np.uint8)
    for i, (text, kind) in enumerate(codes):
        code = np.array(zxingcpp.write_barcode_to_image(zxingcpp.create_barcode(text, kind), scale=3))
        top = 60 + 260 * i
        picture[top : top + code.shape[0], 80 : 80 + code.shape[1]] = code[..., None] // 2 + 80
    noise = np.random.default_rng(1).normal(0, 6, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


KINDS = (zxingcpp.BarcodeFormat.Code128, zxingcpp.BarcodeFormat.QRCode, zxingcpp.BarcodeFormat.DataMatrix)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("turned", range(4))
def test_ok__a_code_is_read_whichever_way_it_is_held(kind: zxingcpp.BarcodeFormat, turned: int) -> None:
    assert read_code(np.ascontiguousarray(np.rot90(band(("P-000017", kind)), turned))) == "P-000017"


def test_fail__two_codes_are_none_and_so_is_skin() -> None:
    code128 = zxingcpp.BarcodeFormat.Code128
    assert read_code(band(("P-000017", code128), ("P-000018", code128))) is None
    assert read_code(band()) is None


def test_fail__a_kind_without_a_proof_of_itself_is_not_read() -> None:
    assert read_code(band(("12345678", zxingcpp.BarcodeFormat.ITF))) is None


@pytest.mark.parametrize(
    ("code", "word"), [("", "empty"), ("  ", "empty"), ("x" * 65, "65"), ("a\\b", "take"), ("a\nb", "take")]
)
def test_fail__what_cannot_be_a_code(code: str, word: str) -> None:
    assert word in (problem_of(code) or "")


def test_ok__a_code() -> None:
    assert problem_of("P-000017 ü") is None
