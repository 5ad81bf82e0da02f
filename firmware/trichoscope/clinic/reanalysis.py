"""The current model over many photographs: of a folder, of the records, or of the clinic's server.

One row a photograph, exactly what `analyze` says of it, in a file of JSON lines that grows as the work goes on. A run
that was interrupted goes on where it stopped: what has its row is not measured again.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2

from ..errors import (
    CLINIC_FAMILY,
    ModelChanged,
    OutputNotWritable,
    ResultsOfOtherRun,
    ScaleMissing,
    TrichoscopeError,
)
from ..measurement.hairnet import Hairnet
from ..measurement.measure import failed_entry, measured_entry
from ..photograph import check_scale, decode_photograph, read_photograph, shown_name
from ..records import Store
from . import photograph
from .server import Address, Server
from .settings import ClinicSettings

FORMAT = 1
PAGE = 500
"""Answers that are asked for at once: a hundred thousand in one would be 100 MB."""
_STUDY, _SERIES, _INSTANCE, _SPACING = "0020000D", "0020000E", "00080018", "00280030"

log = logging.getLogger(__name__)
Row = dict[str, Any]
"""As an entry of `readings` in the JSON of `analyze`."""


@dataclass(frozen=True)
class Picture:
    """A photograph to measure, wherever it lies."""

    name: str
    """Of its row, and unlike any other."""
    threshold_um: float
    um_per_px: float | None
    """None: as the clinic's server says, or nobody knows."""
    path: Path | None = None
    address: Address | None = None


@dataclass(frozen=True)
class Way:
    """How photographs are measured; the same in every process that takes part."""

    model_sha256: str
    """A process that has another model must not take part."""
    model: Path | None = None
    threads: int = 2
    clinic: ClinicSettings | None = None


def in_folder(paths: Iterable[Path], um_per_px: float, threshold_um: float) -> Iterator[Picture]:
    """Files as `photograph.find_photographs` gives them."""
    for path in paths:
        yield Picture(shown_name(path), threshold_um, um_per_px, path=path)


def in_records(store: Store, threshold_um: float | None) -> Iterator[Picture]:
    """Captures that are here and were not set aside, each with its own scale and, where none is given, threshold."""
    for kept in store.captures():
        path = store.photograph_path(kept)
        if not kept.set_aside and path is not None:
            threshold = threshold_um or kept.capture.threshold_um
            yield Picture(name_of(kept.sequence), threshold, kept.capture.um_per_px, path=path)


def name_of(sequence: int) -> str:
    """The name of a capture's row."""
    return f"{sequence:06d}.jpg"


def at_clinic(server: Server, query: Mapping[str, str], threshold_um: float) -> Iterator[Picture]:
    """Photographs on the clinic's server that match a QIDO query, page by page. Raises errors of family 5."""
    offset = 0
    while True:
        page = {"limit": str(PAGE), "offset": str(offset), "SOPClassUID": photograph.SOP_CLASS}
        found = server.find("/instances", {**query, **page})
        for each in found:
            address = Address(*(str(each[tag]["Value"][0]) for tag in (_STUDY, _SERIES, _INSTANCE)))
            yield Picture(address.uid, threshold_um, None, address=address)
        if len(found) < PAGE:
            return
        offset += PAGE


def measured(picture: Picture, way: Way) -> Row:
    """The row of one photograph; of one that cannot be measured, with its error."""
    try:
        return _measured(picture, way)
    except Exception as error:  # the edge of the loop: one photograph never costs the others
        return failed_entry(picture.name, error)[1]


def _measured(picture: Picture, way: Way) -> Row:
    hairnet = _hairnet(way)
    began = time.perf_counter()
    if picture.path is not None:
        frame = read_photograph(picture.path, check_scale(picture.um_per_px))
    else:
        assert picture.address is not None
        server = _server(way)
        um_per_px = check_scale(_spacing_um(server.metadata(picture.address)))
        frame = decode_photograph(_without_padding(server.frame(picture.address)), um_per_px)
    decode_ms = 1e3 * (time.perf_counter() - began)
    return measured_entry(frame, picture.name, hairnet, picture.threshold_um, decode_ms)[1]


_mine = threading.local()
"""A network and a connection do one thing at a time, and a worker may have several threads: each has its own."""


def _hairnet(way: Way) -> Hairnet:
    known: tuple[Way, Hairnet] | None = getattr(_mine, "hairnet", None)
    if known is None or known[0] != way:
        cv2.setNumThreads(way.threads)
        hairnet = Hairnet.load(way.model, way.threads)
        if hairnet.sha256 != way.model_sha256:
            raise ModelChanged(f"This process has {hairnet.sha256[:12]}, the run {way.model_sha256[:12]}.")
        known = _mine.hairnet = (way, hairnet)
    return known[1]


def _server(way: Way) -> Server:
    assert way.clinic is not None
    known: tuple[Way, Server] | None = getattr(_mine, "server", None)
    if known is None or known[0] != way:
        known = _mine.server = (way, Server(way.clinic, datetime.now(UTC)))
    return known[1]


def _spacing_um(metadata: Mapping[str, Any]) -> float:
    """Micrometres a pixel, from Pixel Spacing in mm. Raises ScaleMissing."""
    values = metadata.get(_SPACING, {}).get("Value") or ()
    if not values:
        raise ScaleMissing("The object has no Pixel Spacing.")
    return round(1000 * float(values[0]), 10)  # as it was before it was written in mm


def _without_padding(jpeg: bytes) -> bytes:
    """DICOM makes the length even."""
    return jpeg[:-1] if jpeg.endswith(b"\xff\xd9\x00") else jpeg


class Results:
    """The rows in a file, of which the first line says what run they belong to.

    A line that a crash left unfinished is cut off. What the clinic's server could not give is not written: the next
    run asks again. Raises ResultsOfOtherRun or OutputNotWritable.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        header = {"format": FORMAT, **settings}
        self.model: Mapping[str, str] = settings["model"]
        self.done: set[str] = set()
        """Names that have their row."""
        try:
            self._file = path.open("a+b")
            self._file.seek(0)
            whole = 0
            for number, line in enumerate(self._file):
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                row = json.loads(line)
                if number == 0 and row != header:
                    raise ResultsOfOtherRun(f"{path}.")
                if number:
                    self.done.add(row["image"])
            self._file.truncate(whole)
            if not whole:
                self._write(header)
        except (OSError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, TrichoscopeError):
                raise
            if isinstance(error, OSError):
                raise OutputNotWritable(f"{path}: {error.strerror}.") from error
            raise ResultsOfOtherRun(f"{path}.") from error

    def __enter__(self) -> Results:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, row: Row) -> bool:
        """Write a row. Returns False where it is left to the next run."""
        code = row.get("error", {}).get("code", "")
        if code.startswith(f"E{CLINIC_FAMILY}"):
            return False
        self._write(row)
        self.done.add(row["image"])
        return True

    def rows(self) -> Iterator[Row]:
        """All rows there are."""
        self._file.seek(0)
        for line in list(self._file)[1:]:
            yield json.loads(line)

    def _write(self, row: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(row, allow_nan=False).encode() + b"\n")
        self._file.flush()
