"""The patient's code from a wristband, read in the live picture."""

from __future__ import annotations

import numpy as np
import zxingcpp
from numpy.typing import NDArray

CODE_MAX = 64
"""DICOM's LO, which holds a patient's ID, has at most 64 characters."""
WIFI = "WIFI:"
"""How the code of a Wi-Fi begins: it holds a password, and must never become a patient's code."""
_FORMATS = zxingcpp.BarcodeFormats(
    [
        zxingcpp.BarcodeFormat.Code128,
        zxingcpp.BarcodeFormat.QRCode,
        zxingcpp.BarcodeFormat.DataMatrix,
        zxingcpp.BarcodeFormat.Aztec,
        zxingcpp.BarcodeFormat.PDF417,
    ]
)
"""What wristbands carry and what proves itself by a checksum: a code that is misread would be another patient."""


def read_code(picture: NDArray[np.uint8]) -> str | None:
    """The one code in a picture (height × width × 3, RGB); None where there is none, or more than one."""
    texts = {code.text.strip() for code in zxingcpp.read_barcodes(picture, formats=_FORMATS) if code.valid}
    return texts.pop() if len(texts) == 1 else None


def problem_of(code: str) -> str | None:
    """Why this cannot be a patient's code, in plain words; None where it can."""
    if not code.strip():
        return "The code is empty."
    if len(code) > CODE_MAX:
        return f"The code has {len(code)} characters; {CODE_MAX} are possible."
    if code.startswith(WIFI):
        return "This is the code of a Wi-Fi."
    if "\\" in code or not code.isprintable():
        return "The code has characters that a clinic's server does not take."
    return None
