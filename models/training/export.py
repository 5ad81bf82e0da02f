"""Float weights → models/hairnet.tflite, all int8, with its card hairnet.toml.

    python -m models.training.export

Works on whatever weights there are, also while a training goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

import litert_torch
import numpy as np
import torch
from ai_edge_quantizer import recipe
from ai_edge_quantizer.quantizer import Quantizer
from numpy.typing import NDArray

from models.training import scenes
from models.training.network import MAPS, Network
from models.training.score import Found, Truth, score
from models.training.train import WEIGHTS, See, float_eye, held_out_figures
from trichoscope.frame import Frame
from trichoscope.measurement.hairnet import NET_UM_PER_PX, PADDING, Hairnet
from trichoscope.measurement.tracing import trace
from trichoscope.simulation import render

TILE = (1088, 832)
"""Width, height: 2 × 2 tiles cover the reference build's 2028 × 1520 pixels with the overlap below."""
OVERLAP = 144
CALIBRATION_PICTURES = 12
THRESHOLD_SCENES = 48
F1_TO_SPARE = 0.01
"""As much as 48 scenes can tell."""
THRESHOLDS = {"tip": 0.5, "centreline": 0.18}
"""How weak a centreline still is a shaft, and how sure a tip ends one. The root's is tuned by `main`."""
_GRID = tuple(np.round(np.arange(0.15, 0.61, 0.05), 2).tolist())


def calibration_pictures() -> list[NDArray[np.uint8]]:
    """Tiles, each filled with four training scenes; black and white corners pin the input to exactly 1/128 a step."""
    rng = np.random.default_rng(7)
    paths = scenes.files("training")
    pictures = []
    for _ in range(CALIBRATION_PICTURES):
        tile = np.full((TILE[1], TILE[0], 3), PADDING, np.uint8)
        for top in (0, TILE[1] // 2):
            for left in (0, TILE[0] // 2):
                piece = scenes.picture_of(np.load(paths[rng.integers(len(paths))]))[: TILE[1] // 2, : TILE[0] // 2]
                tile[top : top + len(piece), left : left + piece.shape[1]] = piece
        tile[0, 0], tile[-1, -1] = 0, 255
        pictures.append(tile)
    return pictures


def convert(network: Network, folder: Path) -> bytes:
    """The float model for LiteRT, pictures channels last."""
    path = folder / "float.tflite"
    example = torch.zeros(1, TILE[1], TILE[0], 3)
    channels_last = litert_torch.to_channel_last_io(network.eval(), args=[0], outputs=list(range(len(MAPS))))
    litert_torch.convert(channels_last, (example,)).export(str(path))
    return path.read_bytes()


def quantize(model: bytes) -> bytes:
    """Int8 throughout, input and output too, weights with a scale per channel."""
    quantizer = Quantizer(bytearray(model))
    quantizer.load_quantization_recipe(recipe.static_wi8_ai8())
    pictures = [{"args_0": (tile[None].astype(np.float32) - 128) / 128} for tile in calibration_pictures()]
    calibration = quantizer.calibrate({"serving_default": pictures})
    return bytes(quantizer.quantize(calibration).quantized_model)


def on_tile(see: See) -> See:
    """The same eye with the picture in the corner of a grey tile, as the device shows it."""

    def see_tile(picture: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        height, width = picture.shape[:2]
        tile = np.full((TILE[1], TILE[0], 3), PADDING, np.uint8)
        tile[:height, :width] = picture
        root, width_um = see(tile)
        return root[: height // 2, : width // 2].copy(), width_um[: height // 2, : width // 2]

    return see_tile


def int8_eye(hairnet: Hairnet) -> See:
    """As float_eye, by the file that ships."""

    def see(picture: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        maps = hairnet.maps(Frame(picture, NET_UM_PER_PX))
        return maps.root, maps.width_um

    return see


def best_root_threshold(hairnet: Hairnet) -> float:
    """The highest at which the hairs that tracing finds on held-out scenes have all but the best F1.

    Where it hardly matters for F1, a doubtful hair is better not counted: what is on skin but was never rendered
    makes doubtful hairs.
    """
    found: dict[float, list[tuple[Truth, Found]]] = {threshold: [] for threshold in _GRID}
    for seed in range(scenes.HELD_OUT_SEED, scenes.HELD_OUT_SEED + THRESHOLD_SCENES):
        photograph = render(*scenes.scene(seed), seed)
        frame = Frame(photograph.pixels, photograph.um_per_px)
        maps, truth = hairnet.maps(frame), photograph.truth()
        for threshold, pairs in found.items():
            traces = trace(replace(maps, root_threshold=threshold), frame.size_px)
            pairs.append((truth, [{"root_px": t.root_px, "path_px": t.path_px} for t in traces]))
    f1 = {threshold: score(pairs).f1 for threshold, pairs in found.items()}
    return float(max(threshold for threshold in _GRID if f1[threshold] >= max(f1.values()) - F1_TO_SPARE))


def card(sha256: str, made: dict[str, float], root_threshold: float, results: dict[str, float]) -> str:
    """The text of hairnet.toml."""

    def table(name: str, values: dict[str, float]) -> list[str]:
        return [f"\n[{name}]", *(f"{key} = {value:.4g}" for key, value in values.items())]

    lines = [
        'name = "hairnet"',
        f'sha256 = "{sha256}"',
        f"outputs = [{', '.join(repr(name) for name in MAPS)}]".replace("'", '"'),
        "\n[input]",
        f"um_per_px = {NET_UM_PER_PX}",
        f"width_px = {TILE[0]}",
        f"height_px = {TILE[1]}",
        f"overlap_px = {OVERLAP}",
        *table("thresholds", {"root": root_threshold, **THRESHOLDS}),
        "\n[training]",
        'data = "rendered by trichoscope.simulation; no photograph of a person"',
        'commands = "python -m models.training.scenes, then .train, then .export"',
        *(f"{key} = {value:.6g}" for key, value in made.items()),
        *table("results", results),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--weights", type=Path, default=WEIGHTS)
    arguments.add_argument("--into", type=Path, default=WEIGHTS.parent, help="a folder")
    asked = arguments.parse_args()
    stored = torch.load(asked.weights)
    network = Network()
    network.load_state_dict(stored["weights"])
    with tempfile.TemporaryDirectory() as folder:
        model = quantize(convert(network, Path(folder)))
    sha256 = hashlib.sha256(model).hexdigest()
    path = asked.into / "hairnet.tflite"
    path.write_bytes(model)
    path.with_suffix(".toml").write_text(card(sha256, stored["made"], 0.3, {}), "utf-8")

    in_float = held_out_figures(on_tile(float_eye(network)), _GRID)
    in_int8 = held_out_figures(int8_eye(Hairnet.load(path)), _GRID)
    results = {f"{key}_float": value for key, value in in_float.items()}
    results |= {f"{key}_int8": value for key, value in in_int8.items()}
    threshold = best_root_threshold(Hairnet.load(path))
    path.with_suffix(".toml").write_text(card(sha256, stored["made"], threshold, results), "utf-8")
    for key, value in {"root_threshold": threshold, **results}.items():
        print(f"{key} = {value:.4g}")


if __name__ == "__main__":
    main()
