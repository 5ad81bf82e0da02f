"""How long a reading takes, how that grows, and how much memory it needs at most."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from trichoscope.measurement.hairnet import Hairnet
from trichoscope.measurement.measure import measure
from trichoscope.photograph import read_photograph
from trichoscope.simulation import Scalp, Scope, render

REFERENCE = Scope(width_px=4056, height_px=3040, um_per_px=3.2)
SIZES = ((1280, 960), (2048, 1536), (2896, 2172), (4056, 3040))
DENSITIES_PER_CM2 = (0.0, 80.0, 160.0, 320.0)
_TURNS = 5
_PEAK = """
import sys
from pathlib import Path
from trichoscope.measurement.hairnet import Hairnet
from trichoscope.measurement.measure import measure
from trichoscope.photograph import read_photograph
measure(read_photograph(Path(sys.argv[1]), 3.2), Hairnet.load(threads=int(sys.argv[2])))
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def report(threads: int) -> str:
    """Markdown: the reference frame against decoding it, peak memory, and the two tables."""
    cv2.setNumThreads(threads)
    hairnet = Hairnet.load(threads=threads)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photograph.jpg"

        def shoot(width_px: int, height_px: int, density_per_cm2: float) -> float:
            """Leave a photograph at `path`; its megapixels."""
            scope = Scope(width_px=width_px, height_px=height_px, um_per_px=REFERENCE.um_per_px)
            path.write_bytes(render(Scalp(density_per_cm2=density_per_cm2), scope, 1).jpeg)
            return width_px * height_px * 1e-6

        def read() -> int:
            return len(measure(read_photograph(path, REFERENCE.um_per_px), hairnet).hairs)

        shoot(REFERENCE.width_px, REFERENCE.height_px, 160.0)
        decode_s, read_s = _median_s(lambda: cv2.imread(str(path))), _median_s(read)
        sizes = [(shoot(*size, 160.0), read(), _median_s(read)) for size in SIZES]
        hairs = [(shoot(*SIZES[-1], density), read(), _median_s(read)) for density in DENSITIES_PER_CM2]
        shoot(REFERENCE.width_px, REFERENCE.height_px, 160.0)
        peak_mb = _peak_mb(path, threads)
    lines = [
        f"12.3 MP JPEG to reading, {threads} threads: {1e3 * read_s:.0f} ms, {read_s / decode_s:.1f} times the "
        f"{1e3 * decode_s:.0f} ms in which OpenCV decodes the same file in the same run (must 4, aim 3). "
        f"Peak memory of the process: {peak_mb:.0f} MB (must 400, aim 300).",
        "",
        "| megapixels | hairs | ms |",
        "|---|---|---|",
        *(f"| {megapixels:.1f} | {count} | {1e3 * seconds:.0f} |" for megapixels, count, seconds in [*sizes, *hairs]),
    ]
    return "\n".join(lines)


def _median_s(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(_TURNS):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds))


def _peak_mb(path: Path, threads: int) -> float:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _PEAK, str(path), str(threads)]
    ran = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return int(ran.stdout.split()[-1]) / 1024
