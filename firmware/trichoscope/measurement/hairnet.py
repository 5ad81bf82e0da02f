"""The int8 network on the device: a frame goes in, maps of its hairs come out."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trichoscope.errors import ModelCardInvalid, ModelChanged, ModelMissing, RuntimeMissing
from trichoscope.frame import Frame

NET_UM_PER_PX = 6.4
"""The scale the network reads: exactly half of the reference build's 3.2 µm/px."""
PADDING = 128
"""Grey beyond the edges of the photograph, as in training. It is 0 in int8."""
_CELL, _COARSE = 2, 4
"""Input pixels across a cell of the maps, and across a cell of the network's tensors: these hold 2 × 2 cells each."""
_ALIGNMENT = 32  # the network's coarsest stride: tiles that start on it see the same picture in the same phase
_TO_ROOT_UNIT_UM = 256.0
_WIDTH_UNIT_UM = 50.0


@dataclass(frozen=True, eq=False)
class Maps:
    """What the network sees in a photograph, on a grid of cells of about 12.8 µm; float32 throughout."""

    root: NDArray[np.float32]
    """height × width, 0–1: a hair leaves the skin here; a peak for each root."""
    tip: NDArray[np.float32]
    """height × width, 0–1: a hair ends here."""
    centreline: NDArray[np.float32]
    """height × width, 0–1: a thin ridge along the middle of each shaft."""
    orientation: NDArray[np.float32]
    """height × width × 2, cos 2θ and sin 2θ of the angle θ of the shaft here. On shafts only, as all below."""
    to_root_um: NDArray[np.float32]
    """height × width × 2, the way x, y to the hair's own root in µm; within 400 µm of it."""
    width_um: NDArray[np.float32]
    """height × width, apparent width of the topmost hair."""
    cell_px: tuple[float, float]
    """Width and height of a cell in pixels of the photograph."""
    root_threshold: float
    """Above it a peak of `root` is a root; from the model's card, as the other two."""
    tip_threshold: float
    centreline_threshold: float

    def to_photograph_px(self, cells: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """(…, 2) x, y in cells → pixels of the photograph; (0, 0) is the centre of the first of either."""
        return (np.asarray(cells, np.float64) + 0.5) * self.cell_px - 0.5

    def to_cells(self, pixels: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """(…, 2) x, y in pixels of the photograph → cells."""
        return (np.asarray(pixels, np.float64) + 0.5) / self.cell_px - 0.5


def resample(pixels: NDArray[np.uint8], um_per_px: float) -> NDArray[np.uint8]:
    """The photograph at NET_UM_PER_PX, by area averaging where that is coarser and bicubic where it is finer.

    Both axes are rounded to whole pixels: the scale of the result is off by at most half a pixel in its width.
    """
    height, width = pixels.shape[:2]
    factor = um_per_px / NET_UM_PER_PX
    size = max(1, round(width * factor)), max(1, round(height * factor))
    if size == (width, height):
        return pixels
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, size, interpolation=method), np.uint8)


def default_model_path() -> Path:
    """The model inside the installed package; in a source tree, the one in models/."""
    package = Path(__file__).parents[1]
    installed = package / "model" / "hairnet.tflite"
    return installed if installed.exists() else package.parents[1] / "models" / "hairnet.tflite"


class Hairnet:
    """The network, loaded and checked. One call at a time."""

    name: str
    sha256: str
    threads: int

    def __init__(self, model: bytes, card: dict[str, Any], threads: int = 2) -> None:
        """Raises ModelChanged, ModelCardInvalid or RuntimeMissing."""
        try:
            self.name, self.sha256 = str(card["name"]), str(card["sha256"])
            if hashlib.sha256(model).hexdigest() != self.sha256:
                raise ModelChanged(self.name)
            if card["input"]["um_per_px"] != NET_UM_PER_PX:
                raise ModelCardInvalid(f"input.um_per_px is not {NET_UM_PER_PX}")
            self._tile = int(card["input"]["width_px"]), int(card["input"]["height_px"])
            self._overlap = int(card["input"]["overlap_px"])
            self._thresholds = {f"{name}_threshold": float(value) for name, value in card["thresholds"].items()}
            order = [str(name) for name in card["outputs"]]
        except (KeyError, TypeError, AttributeError) as error:
            raise ModelCardInvalid(str(error)) from error
        self.threads = threads
        self._interpreter = _interpreter(model, threads)
        self._interpreter.allocate_tensors()
        details = self._interpreter.get_input_details()[0]
        if tuple(details["shape"]) != (1, self._tile[1], self._tile[0], 3) or details["dtype"] != np.int8:
            raise ModelCardInvalid("input is not the model's")
        self._input = int(details["index"])
        signature = self._interpreter.get_signature_runner().get_output_details()
        try:
            outputs = {name: signature[f"output_{k}"] for k, name in enumerate(order)}
            self._outputs = {name: int(output["index"]) for name, output in outputs.items()}
            self._tables = {name: _table(name, *outputs[name]["quantization"]) for name in _MAPS}
        except KeyError as error:
            raise ModelCardInvalid(f"outputs: {error}") from error

    @classmethod
    def load(cls, path: Path | None = None, threads: int = 2) -> Hairnet:
        """The model at `path`, or the one shipped, with the card beside it (the same name, .toml).

        Raises ModelMissing, ModelChanged, ModelCardInvalid or RuntimeMissing.
        """
        path = default_model_path() if path is None else path
        try:
            model, text = path.read_bytes(), path.with_suffix(".toml").read_text("utf-8")
        except OSError as error:
            raise ModelMissing(str(error.filename)) from error
        try:
            card = tomllib.loads(text)
        except ValueError as error:
            raise ModelCardInvalid(f"{path.with_suffix('.toml').name}: {error}") from error
        return cls(model, card, threads)

    def maps(self, frame: Frame) -> Maps:
        """The maps of the whole frame.

        A frame larger than a tile is seen in tiles that overlap, each kept up to the middle of the overlap; what is
        further away than that (70 px, 450 µm) has next to no say in a cell, so tiles and a whole agree closely.
        """
        picture = resample(frame.pixels, frame.um_per_px)
        height, width = picture.shape[:2]
        size = -(-width // _COARSE), -(-height // _COARSE)
        folded = {
            name: np.empty((channels, 2 * size[1], size[0]), np.uint16) for name, channels in _MAPS.items()
        }  # a pair of int8 cells in each
        for top, first_row, last_row in _tiles(height, self._tile[1], self._overlap):
            for left, first_column, last_column in _tiles(width, self._tile[0], self._overlap):
                self._invoke(picture[top : top + self._tile[1], left : left + self._tile[0]])
                rows = slice(first_row - top // _COARSE, last_row - top // _COARSE)
                columns = slice(first_column - left // _COARSE, last_column - left // _COARSE)
                for name, whole in folded.items():
                    pairs = self._interpreter.tensor(self._outputs[name])()[0].view(np.uint16)[rows, columns]
                    for channel in range(len(whole)):
                        for half in range(2):  # the upper and the lower two of the 2 × 2 cells
                            into = whole[channel, 2 * first_row + half : 2 * last_row : 2, first_column:last_column]
                            into[...] = pairs[..., 2 * channel + half]
                    del pairs  # the interpreter does not run while its memory is held
        cells = -(-width // _CELL), -(-height // _CELL)
        values = {name: self._unfold(name, whole, cells) for name, whole in folded.items()}
        return Maps(
            root=values["root"][0],
            tip=values["tip"][0],
            centreline=values["centreline"][0],
            orientation=np.moveaxis(values["orientation"], 0, 2),
            to_root_um=np.moveaxis(values["to_root"], 0, 2),
            width_um=values["log_width"][0],
            cell_px=(_CELL * frame.size_px[0] / width, _CELL * frame.size_px[1] / height),
            **self._thresholds,
        )

    def _invoke(self, piece: NDArray[np.uint8]) -> None:
        tensor = self._interpreter.tensor(self._input)()[0].view(np.uint8)
        height, width = piece.shape[:2]
        tensor[height:] = 0
        tensor[:, width:] = 0
        np.bitwise_xor(piece, PADDING, out=tensor[:height, :width])  # uint8 − 128 as int8
        del tensor
        self._interpreter.invoke()

    def _unfold(self, name: str, pairs: NDArray[np.uint16], cells: tuple[int, int]) -> NDArray[np.float32]:
        """(channels, height, width) of numbers from the int8 codes."""
        codes = pairs.view(np.uint8)[:, : cells[1], : cells[0]]
        values = np.empty(codes.shape, np.float32)
        for plane, into in zip(codes, values, strict=True):
            cv2.LUT(np.ascontiguousarray(plane), self._tables[name], dst=into)
        return values


_MAPS = {"root": 1, "tip": 1, "centreline": 1, "orientation": 2, "to_root": 2, "log_width": 1}
"""The network's outputs and their channels."""


def _table(name: str, scale: float, zero: int) -> NDArray[np.float32]:
    """What each int8 code of an output stands for, in the order of the codes read as uint8."""
    value = scale * (np.arange(256).astype(np.uint8).view(np.int8).astype(np.float64) - zero)
    match name:
        case "root" | "tip" | "centreline":
            value = 1 / (1 + np.exp(-value))
        case "to_root":
            value = value * _TO_ROOT_UNIT_UM
        case "log_width":
            value = np.exp(value) * _WIDTH_UNIT_UM
    return value.astype(np.float32)


def _tiles(length: int, tile: int, overlap: int) -> list[tuple[int, int, int]]:
    """Along one axis: where each tile starts (pixels), and the first and past-the-last coarse cell that is its own."""
    count = 1 if length <= tile else -(-(length - overlap) // (tile - overlap))
    spare = max(length - tile, 0) / _ALIGNMENT
    starts = [_ALIGNMENT * int(np.ceil(k * spare / max(count - 1, 1))) for k in range(count)]
    cuts = [0, *((a + tile + b) // 2 // _COARSE for a, b in pairwise(starts)), -(-length // _COARSE)]
    return [(start, first, last) for start, (first, last) in zip(starts, pairwise(cuts), strict=True)]


def _interpreter(model: bytes, threads: int) -> Any:
    """The one place that knows the runtimes. Raises RuntimeMissing."""
    try:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415
    except ImportError:
        try:
            from tflite_runtime.interpreter import Interpreter  # noqa: PLC0415
        except ImportError as error:
            raise RuntimeMissing(str(error)) from error
    try:
        return Interpreter(model_content=model, num_threads=threads)
    except ValueError as error:
        raise ModelCardInvalid(f"the runtime cannot read the model: {error}") from error
