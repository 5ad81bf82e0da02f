"""Content items of a structured report, each as the bytes that stand in the file (PS3.5, explicit VR little endian).

A report on 120 hairs has 1,200 items in 20,000 elements. As pydicom's objects they take 1.2 s to build and write, as
bytes 20 ms.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache

from .codes import Code

RELATIONS = ("CONTAINS", "HAS CONCEPT MOD", "HAS OBS CONTEXT", "SELECTED FROM")

_CODE_VALUE, _SCHEME, _MEANING = 0x0008_0100, 0x0008_0102, 0x0008_0104
_SOP_CLASS, _SOP_INSTANCE, _REFERENCED_SOP = 0x0008_1150, 0x0008_1155, 0x0008_1199
_UNITS = 0x0040_08EA
_RELATION, _VALUE_TYPE, _NAME, _CONTINUITY = 0x0040_A010, 0x0040_A040, 0x0040_A043, 0x0040_A050
_UID, _TEXT, _CODE, _MEASURED, _NUMERIC = 0x0040_A124, 0x0040_A160, 0x0040_A168, 0x0040_A300, 0x0040_A30A
_TEMPLATE_SEQUENCE, _RESOURCE, _TEMPLATE, _CONTENT = 0x0040_A504, 0x0008_0105, 0x0040_DB00, 0x0040_A730
_GRAPHIC_DATA, _GRAPHIC_TYPE = 0x0070_0022, 0x0070_0023
_LONG = {"SQ", "UT"}
"""Of the kinds used here, those whose length has four bytes (PS3.5 7.1.2)."""


def content_sequence(items: Iterable[bytes]) -> bytes:
    """The element that holds content items: of a document without further modules, the last one."""
    return _sequence(_CONTENT, items)


def container(relation: str, name: Code, content: Sequence[bytes], template: str | None = None) -> bytes:
    elements = [_string(_CONTINUITY, "CS", "SEPARATE")]
    if template is not None:
        used = _string(_RESOURCE, "CS", "DCMR") + _string(_TEMPLATE, "CS", template)
        elements.append(_sequence(_TEMPLATE_SEQUENCE, [used]))
    return _item(relation, "CONTAINER", name, *elements, content_sequence(content))


def code(relation: str, name: Code, value: Code, content: Sequence[bytes] = ()) -> bytes:
    below = [content_sequence(content)] if content else []
    return _item(relation, "CODE", name, _sequence(_CODE, [_coded(value)]), *below)


def text(relation: str, name: Code, value: str) -> bytes:
    return _item(relation, "TEXT", name, _string(_TEXT, "UT", value))


def uid(relation: str, name: Code, value: str) -> bytes:
    return _item(relation, "UIDREF", name, _string(_UID, "UI", value))


def image(relation: str, name: Code, sop_class: str, instance: str) -> bytes:
    reference = _string(_SOP_CLASS, "UI", sop_class) + _string(_SOP_INSTANCE, "UI", instance)
    return _sequence(_REFERENCED_SOP, [reference]) + _item(relation, "IMAGE", name)


def number(relation: str, name: Code, value: float, unit: Code, content: Sequence[bytes] = ()) -> bytes:
    measured = _sequence(_UNITS, [_coded(unit)]) + _string(_NUMERIC, "DS", decimal(value))
    below = [content_sequence(content)] if content else []
    return _item(relation, "NUM", name, _sequence(_MEASURED, [measured]), *below)


def polyline(relation: str, name: Code, points: Sequence[Sequence[float]], content: Sequence[bytes]) -> bytes:
    """A line of x, y in the image's own coordinates, in which (0, 0) is the corner of the first pixel."""
    flat = [part for point in points for part in point]
    return _item(
        relation,
        "SCOORD",
        name,
        content_sequence(content),
        _element(_GRAPHIC_DATA, "FL", struct.pack(f"<{len(flat)}f", *flat)),
        _string(_GRAPHIC_TYPE, "CS", "POLYLINE"),
    )


def decimal(value: float) -> str:
    """A number as DS has it, at most 16 characters. Raises ValueError for one that is not finite."""
    text = f"{value:.9g}"
    if text.lstrip("-") in ("nan", "inf"):
        raise ValueError(f"{value} is no measurement.")
    return text


def _item(relation: str, kind: str, name: Code, *elements: bytes) -> bytes:
    head = _string(_RELATION, "CS", relation) + _string(_VALUE_TYPE, "CS", kind)
    return b"".join((head, _sequence(_NAME, [_coded(name)]), *elements))


@lru_cache(maxsize=256)
def _coded(code: Code) -> bytes:
    return (
        _string(_CODE_VALUE, "SH", code.value)
        + _string(_SCHEME, "SH", code.scheme)
        + _string(_MEANING, "LO", code.meaning)
    )


def _string(tag: int, kind: str, value: str) -> bytes:
    data = value.encode()
    if len(data) % 2:
        data += b"\0" if kind == "UI" else b" "
    return _element(tag, kind, data)


def _sequence(tag: int, items: Iterable[bytes]) -> bytes:
    return _element(tag, "SQ", b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item for item in items))


def _element(tag: int, kind: str, data: bytes) -> bytes:
    layout = "<HH2s2xI" if kind in _LONG else "<HH2sH"
    return struct.pack(layout, tag >> 16, tag & 0xFFFF, kind.encode(), len(data)) + data
