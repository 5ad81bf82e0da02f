"""Train the network on rendered scenes, by the clock; stop and go on at will.

    python -m models.training.train --hours 1.5            # afresh
    python -m models.training.train --hours 1.5 --resume   # go on with a schedule that was stopped
    python -m models.training.train --hours 8 --weights models/hairnet.pt --learning-rate 1e-3   # a new one

Writes models/hairnet.pt (the averaged weights) and models/training.csv every five minutes. What --resume needs, the
optimizer's state, stays in the cache; --weights needs only what is committed.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning on a shared machine costs 5/6 of the speed

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.memory_format import convert_conv2d_weight_memory_format
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, IterableDataset

from models.training import scenes, targets
from models.training.network import MAPS, Network, maps_of

WEIGHTS = Path(__file__).parents[1] / "hairnet.pt"
LOG = Path(__file__).parents[1] / "training.csv"
STATE = scenes.CACHE / "state.pt"
CROP = 192  # cells: 384 pixels, 2.5 mm
BATCH = 8
THIN_LOG_WIDTH = math.log(45 / 50)
WARM_UP = 300  # steps
AVERAGE = 0.999  # the decay of the running mean of the weights
CHECKPOINT_S = 300.0
LOSS_WEIGHTS = {"root": 1.0, "tip": 0.5, "centreline": 1.0, "orientation": 1.5, "to_root": 1.5, "log_width": 4.0}


WEIGHT, SHAFT_BITS, LOG_WIDTH = (targets.CHANNELS.index(name) for name in ("weight", "shaft", "log_width"))
See = Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], NDArray[np.float32]]]


class Crops(IterableDataset[tuple[Tensor, Tensor]]):
    """Endless batches of (n, 3, 384, 384) and (n, targets, 192, 192) uint8, turned, mirrored and tinted at random."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        rng = np.random.default_rng(self.seed)
        while True:
            paths = scenes.files("training")  # the renderer may be adding to them
            for _ in range(64):
                try:
                    pairs = [self._crop(rng, paths[k]) for k in rng.integers(len(paths), size=BATCH)]
                except FileNotFoundError:  # or taking old ones away
                    break
                pictures, answers = (torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True))
                yield pictures, answers

    def _crop(self, rng: np.random.Generator, path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        array = np.load(path, mmap_mode="r")
        height, width = array.shape[:2]
        for _ in range(4):  # most crops should hold a root
            # a crop may hang over the picture's edge by a quarter: beyond it is the grey that the device pads with
            y, x = (int(rng.integers(min(-32, size - CROP - 32), max(size - CROP, 0) + 33)) for size in (height, width))
            inside = array[max(y, 0) : y + CROP, max(x, 0) : x + CROP]
            if inside[..., scenes.PICTURE].max(initial=0) > 127 or rng.random() < 0.1:
                break
        picture, target = tinted(rng, scenes.picture_of(inside)), inside[..., scenes.PICTURE :]
        top, left = max(-y, 0), max(-x, 0)
        whole = np.full((2 * CROP, 2 * CROP, 3), 128, np.uint8)
        whole[2 * top : 2 * top + len(picture), 2 * left : 2 * left + picture.shape[1]] = picture
        answer = np.zeros((CROP, CROP, target.shape[2]), np.uint8)
        answer[..., -1] = 100
        answer[top : top + len(target), left : left + target.shape[1]] = target
        return turned(int(rng.integers(8)), whole, answer)


def tinted(rng: np.random.Generator, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Another gain, gamma and black level for each channel: a table of 256 values each."""
    level = np.linspace(0, 1, 256)[:, None]
    gamma = np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.04, 3))
    gain = np.exp(rng.normal(0, 0.10) + rng.normal(0, 0.06, 3))
    table = np.clip(255 * (gain * level**gamma + rng.normal(0, 0.02)), 0, 255).astype(np.uint8)
    if rng.random() < 0.05:  # a grey photograph
        picture = np.repeat(picture.mean(2, keepdims=True).astype(np.uint8), 3, 2)
    return np.asarray(cv2.LUT(picture, table[None]), np.uint8)


def turned(
    turn: int, picture: NDArray[np.uint8], answer: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One of the eight symmetries of the square, vectors included; channels first."""
    answer = answer.copy()
    vectors = answer[..., 3:7].view(np.int8)
    if turn & 1:
        picture, answer = picture[:, ::-1], answer[:, ::-1]
        vectors[..., 0::2] *= -1
    if turn & 2:
        picture, answer = picture[::-1], answer[::-1]
        vectors[..., 1::2] *= -1
    if turn & 4:
        picture, answer = picture.transpose(1, 0, 2), answer.transpose(1, 0, 2)
        answer = answer[..., [0, 1, 2, 4, 3, 6, 5, 7, 8, 9]]
    return np.ascontiguousarray(picture.transpose(2, 0, 1)), np.ascontiguousarray(answer.transpose(2, 0, 1))


def normalised(pictures: Tensor) -> Tensor:
    """uint8 RGB → what the network reads: (value − 128) / 128, exact in int8."""
    return ((pictures.float() - 128) / 128).contiguous(memory_format=torch.channels_last)


def losses(maps: dict[str, Tensor], answer: Tensor) -> dict[str, Tensor]:
    """The loss of every map, before LOSS_WEIGHTS. `answer` is (n, targets, height, width) uint8."""
    weight = answer[:, 9].float() / 100
    found = {}
    for channel, name in enumerate(("root", "tip")):
        # focal loss for soft targets (Li et al. 2020, "quality focal loss"): a peak between cells stays between cells
        truth, logit = answer[:, channel].float() / 255, maps[name][:, 0]
        each = functional.binary_cross_entropy_with_logits(logit, truth, reduction="none")
        each = each * (logit.sigmoid() - truth).square() * (1 + 3 * (truth > 0.1)) * weight
        found[name] = each.sum() / (truth > 0.6).sum().clamp(min=8)
    truth, logit = answer[:, 2].float() / 255, maps["centreline"][:, 0]
    cross = functional.binary_cross_entropy_with_logits(logit, truth, reduction="none") * (1 + 2 * truth) * weight
    ridge = logit.sigmoid() * weight
    dice = 1 - (2 * (ridge * truth).sum() + 1) / (ridge.square().sum() + (truth.square() * weight).sum() + 1)
    found["centreline"] = 4 * cross.mean() + 0.5 * dice

    vectors = answer[:, 3:7].view(torch.int8).float()
    x, y = vectors[:, :1] / 127, vectors[:, 1:2] / 127
    wanted = {
        # which way a shaft runs is plain long before which end is its root, and a signed vector would shrink to 0 in
        # doubt: so its axis is asked for, as the cosine and sine of twice its angle
        "orientation": (torch.cat([x * x - y * y, 2 * x * y], 1), targets.SHAFT),
        "to_root": (vectors[:, 2:] / 64, targets.NEAR_ROOT),
        "log_width": (answer[:, 7:8].float() * (4 / 255) - 2.5, targets.SHAFT),
    }
    for name, (value, bit) in wanted.items():
        mask = ((answer[:, 8:9] & bit) > 0) * weight[:, None]
        if name == "log_width":  # thin hairs are few: without this all are read as wide as most are
            mask = mask * torch.where(value < THIN_LOG_WIDTH, 3.0, 1.0)
        each = functional.smooth_l1_loss(maps[name], value, reduction="none", beta=0.1) * mask
        found[name] = each.sum() / (mask.sum() * value.shape[1]).clamp(min=1)
    return found


def peaks(heat: NDArray[np.float32], threshold: float) -> NDArray[np.intp]:
    """(n, 2) row, column of the cells that are above the threshold and the largest of their 3 × 3."""
    ranked = heat + 1e-3 * cv2.blur(heat, (3, 3))  # int8 maps have equal neighbours: one of them is the peak
    return np.stack(np.nonzero((ranked >= cv2.dilate(ranked, np.ones((3, 3)))) & (heat > threshold)), 1)


def held_out_figures(see: See, thresholds: Sequence[float] = (0.2, 0.3, 0.4, 0.5), count: int = 40) -> dict[str, float]:
    """On whole held-out scenes: F1 of root peaks within 60 µm at the best threshold, thin hairs' recall, width."""
    counts, thin_found, wide = np.zeros((len(thresholds), 3)), np.zeros((len(thresholds), 2)), []
    for path in scenes.files("held-out")[:count]:
        cells = np.load(path)
        cells = cells[: len(cells) // 16 * 16, : cells.shape[1] // 16 * 16]
        root, width_um = see(scenes.picture_of(cells))
        answer = cells[..., scenes.PICTURE :]
        weight = answer[..., WEIGHT]
        truth = peaks(answer[..., 0].astype(np.float32), 150)
        truth = truth[weight[tuple(truth.T)] > 0]
        thin = weight[tuple(truth.T)] > 100
        for k, threshold in enumerate(thresholds):
            found = peaks(root, threshold)
            distance = np.linalg.norm(truth[:, None] - found[None], axis=2)
            rows, columns = linear_sum_assignment(np.minimum(distance, 1e3))
            near = distance[rows, columns] * targets.CELL_UM <= 60
            spare = np.setdiff1d(np.arange(len(found)), columns[near])
            spare = spare[weight[tuple(found[spare].T)] > 0]
            counts[k] += near.sum(), len(truth), near.sum() + len(spare)
            thin_found[k] += thin[rows[near]].sum(), thin.sum()
        shaft = (answer[..., SHAFT_BITS] & targets.SHAFT > 0) & (weight > 0)
        true_um = 50 * np.exp(answer[..., LOG_WIDTH][shaft] * (4 / 255) - 2.5)
        wide.append(np.stack([width_um[shaft] - true_um, true_um]))
    f1 = 2 * counts[:, 0] / np.maximum(counts[:, 1] + counts[:, 2], 1)
    best = int(f1.argmax())
    error, true_um = np.concatenate(wide, 1)
    return {
        "root_f1": float(f1[best]),
        "root_threshold": thresholds[best],
        "root_recall_thin": float(thin_found[best, 0] / max(thin_found[best, 1], 1)),
        "width_error_um": float(np.abs(error).mean()),
        "width_bias_thin_um": float(error[true_um <= targets.THIN_UM].mean()),
    }


def float_eye(network: torch.nn.Module) -> See:
    """A picture of a scene → root probability and width in µm, by the float network."""

    def see(picture: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        network.eval()
        with torch.no_grad():
            maps = maps_of(network(normalised(torch.from_numpy(picture).permute(2, 0, 1)[None])))
        return maps["root"][0, 0].sigmoid().numpy(), (50 * maps["log_width"][0, 0].exp()).numpy()

    return see


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--hours", type=float, required=True, help="length of the schedule: warm-up, then a cosine")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--learning-rate", type=float, default=2e-3, help="its peak; 5e-4 to polish trained weights")
    arguments.add_argument("--resume", action="store_true")
    arguments.add_argument("--weights", type=Path, help="start from these")
    arguments.add_argument("--threads", type=int, default=os.cpu_count())
    asked = arguments.parse_args()
    torch.manual_seed(asked.seed)
    torch.set_num_threads(asked.threads)

    parts, step, spent_s = _begin(asked.resume, asked.weights, asked.learning_rate)
    network, average, optimizer = parts["network"], parts["average"], parts["optimizer"]
    loader = DataLoader(Crops(asked.seed * 1_000_003 + step), batch_size=None, num_workers=1, prefetch_factor=6)
    half = torch.ops.mkldnn._is_mkldnn_bf16_supported()  # emulated it takes 20 times as long as float32
    saved = time.monotonic()
    started = saved - spent_s
    running: dict[str, float] = {}
    for pictures, answer in loader:
        spent_s = time.monotonic() - started
        done = spent_s / 3600 / asked.hours
        cosine = 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
        rate = asked.learning_rate * min(1.0, (step + 1) / WARM_UP) * (0.01 + 0.99 * cosine)
        for group in optimizer.param_groups:
            group["lr"] = rate
        network.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            outputs = network(normalised(pictures))
        each = losses(maps_of(outputs), answer)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(torch.stack([LOSS_WEIGHTS[name] * value for name, value in each.items()]).sum())
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        average.update_parameters(network)
        step += 1
        now = {name: float(value.detach()) for name, value in each.items()}
        running = {name: 0.99 * running.get(name, value) + 0.01 * value for name, value in now.items()}
        if time.monotonic() - saved > CHECKPOINT_S or done >= 1:
            saved = time.monotonic()
            made = {"seed": asked.seed, "steps": step, "hours": spent_s / 3600, "learning_rate": asked.learning_rate}
            _save({"weights": average.module.state_dict(), "made": made}, WEIGHTS)
            state = {name: part.state_dict() for name, part in parts.items()}
            _save(state | {"step": step, "spent_s": spent_s}, STATE)
            _log(step, spent_s, rate, running, held_out_figures(float_eye(average.module)))
        if done >= 1:
            break


def _begin(resume: bool, weights: Path | None, learning_rate: float) -> tuple[dict[str, Any], int, float]:
    """Network, average and optimizer; steps and seconds of the schedule that are behind them."""
    network = convert_conv2d_weight_memory_format(Network(), torch.channels_last)
    if weights:
        network.load_state_dict(torch.load(weights)["weights"])
    average = AveragedModel(network, avg_fn=_average, use_buffers=True)
    optimizer = torch.optim.AdamW(_groups(network), lr=learning_rate)
    parts: dict[str, Any] = {"network": network, "average": average, "optimizer": optimizer}
    if resume:
        state = torch.load(STATE)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        return parts, state["step"], state["spent_s"]
    if not weights:
        LOG.unlink(missing_ok=True)
    return parts, 0, 0.0


def _groups(network: Network) -> list[dict[str, object]]:
    """Weight decay for kernels, none for biases and norms."""
    kernels = [p for p in network.parameters() if p.ndim > 1]
    rest = [p for p in network.parameters() if p.ndim <= 1]
    return [{"params": kernels, "weight_decay": 0.02}, {"params": rest, "weight_decay": 0.0}]


def _average(mean: Tensor, value: Tensor, count: Tensor | int) -> Tensor:
    """A running mean over the last thousand steps or so, shorter at the start."""
    decay = min(AVERAGE, (1 + int(count)) / (10 + int(count)))
    return mean + (value - mean) * (1 - decay)


def _save(what: object, path: Path) -> None:
    torch.save(what, path.with_suffix(".part"))
    path.with_suffix(".part").rename(path)


def _log(step: int, spent_s: float, rate: float, running: dict[str, float], figures: dict[str, float]) -> None:
    row = {"step": step, "hours": spent_s / 3600, "learning_rate": rate, "scenes": len(scenes.files("training"))}
    row |= {f"loss_{name}": running[name] for name in MAPS} | figures
    if not LOG.exists():
        LOG.write_text(",".join(row) + "\n")
    line = ",".join(f"{v:.6g}" for v in row.values())
    with LOG.open("a") as file:
        file.write(line + "\n")
    print(" ".join(f"{k}={v:.4g}" for k, v in row.items()), flush=True)


if __name__ == "__main__":
    main()
