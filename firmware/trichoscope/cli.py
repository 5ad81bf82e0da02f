"""The command line: what a person asks for, checked before any work, and what comes back, shown and saved.

The measurement is imported inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from . import __version__, cli_clinic, cli_instrument, cli_records
from .errors import (
    CalibrationUnreadable,
    OutputNameInvalid,
    OutputNotWritable,
    ScaleGivenTwice,
    ThresholdOutOfRange,
    TrichoscopeError,
)
from .outputs import check_folder, check_writable, print_json, write

if TYPE_CHECKING:
    from .frame import Frame
    from .measurement.calibration import Calibration

T = TypeVar("T")

THRESHOLD_RANGE_UM = (20.0, 100.0)
"""From Van Neste's nano-hairs to where nearly every hair would be called vellus."""
HAIR_COLUMNS = (
    "diameter_um", "diameter_sd_um", "diameter_error_um", "diameter_measured", "length_um", "pigment", "class",
    "class_probability", "unit", "score", "cut_by_frame", "crossed", "out_of_focus",
)  # fmt: skip

log = logging.getLogger(__name__)
output = Console()
diagnostics = Console(stderr=True)
app = typer.Typer(
    help="Trichoscope measures hair in photographs of the scalp. It measures; it does not diagnose.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Example: trichoscope analyze scalp.jpg --scale-um 2.77",
)
app.add_typer(cli_instrument.app)
app.add_typer(cli_records.app)
app.add_typer(cli_clinic.app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command. Always raises SystemExit: 0, 2 for a mistyped command, or 10 + family of the first error."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        app(arguments)
    except TrichoscopeError as error:
        _complain(error)
        raise SystemExit(error.row.exit_code) from error


def _version(wanted: bool) -> None:
    if wanted:
        output.print(f"trichoscope {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None: ...


@app.command(epilog="Example: trichoscope analyze visit/ --scale-um 2.77 --json visit.json --overlay overlays")
def analyze(
    photographs: Annotated[
        list[Path],
        typer.Argument(metavar="PHOTO_OR_FOLDER...", help="JPEG, PNG, TIFF or BMP files, or folders of them."),
    ],
    scale_um: Annotated[
        float | None,
        typer.Option(help="Micrometres of skin per pixel, 0.5 to 30: no tag of a file tells it. Or a calibration."),
    ] = None,
    calibration_path: Annotated[
        Path | None,
        typer.Option("--calibration", metavar="FILE.toml", help="The scale as `trichoscope calibrate` wrote it."),
    ] = None,
    threshold_um: Annotated[float, typer.Option(help="Hairs up to this apparent width are vellus, 20 to 100.")] = 40.0,
    json_path: Annotated[
        Path | None, typer.Option("--json", metavar="FILE.json", help="Write every reading, hair by hair.")
    ] = None,
    csv_path: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE.csv", help="Write one row for each hair.")
    ] = None,
    overlay_dir: Annotated[
        Path | None, typer.Option("--overlay", metavar="DIR", help="Write each photograph with its hairs drawn in.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Processor cores to use.")] = 2,
    model: Annotated[
        Path | None, typer.Option(metavar="FILE.tflite", help="Another model, with its card beside it.")
    ] = None,
) -> None:
    """Measure every hair in photographs of the scalp.

    A photograph that cannot be read is reported and the others go on; the exit code is then 10 + the error's family.
    """
    from .photograph import OVERLAY_ENDING, find_photographs, shown_name

    um_per_px, calibration = _known_scale(scale_um, calibration_path)
    low, high = THRESHOLD_RANGE_UM
    if not low <= threshold_um <= high:
        raise ThresholdOutOfRange(f"Got {threshold_um:g}.")
    paths = find_photographs(photographs)
    overlays = {path: overlay_dir / (path.stem + OVERLAY_ENDING) for path in paths} if overlay_dir else {}
    _check_outputs(json_path, csv_path, overlay_dir, list(overlays.values()))

    import cv2

    from .measurement.hairnet import Hairnet
    from .measurement.measure import failed_entry, measured_entry
    from .measurement.overlay import draw

    cv2.setNumThreads(threads)
    cv2.utils.logging.setLogLevel(
        cv2.utils.logging.LOG_LEVEL_SILENT
    )  # what OpenCV finds wrong with a file is said by the numbered error
    hairnet = Hairnet.load(model, threads)
    entries: list[dict[str, Any]] = []
    failures: list[TrichoscopeError] = []

    def save(path: Path, data: bytes) -> None:
        try:
            write(path, data)
        except OutputNotWritable as error:
            failures.append(error)
            _complain(error)

    for path, decoded in _with_progress(_decode_ahead(paths, um_per_px, calibration), len(paths), "Measuring"):
        try:
            frame, decode_ms = decoded.result()
            reading, entry = measured_entry(frame, shown_name(path), hairnet, threshold_um, decode_ms)
            if overlays:
                save(overlays[path], cv2.imencode(".png", draw(frame, reading)[..., ::-1])[1].tobytes())
        except Exception as error:  # the edge of the loop: one photograph never costs the others
            known, entry = failed_entry(shown_name(path), error)
            failures.append(known)
            _complain(known, entry["image"])
        entries.append(entry)

    if json_path:
        made_by = {"name": hairnet.name, "sha256": hairnet.sha256}
        save(json_path, json.dumps({"format": 1, "model": made_by, "readings": entries}, allow_nan=False).encode())
    if csv_path:
        save(csv_path, _as_csv(entries).encode())
    output.print(_as_table(entries))
    for entry in entries:
        for remark in (*entry.get("quality", {}).get("reasons", ()), *entry.get("warnings", ())):
            output.print(Text(f"{entry['image']}: {remark}"))
    if failures:
        raise typer.Exit(failures[0].row.exit_code)


@app.command(name="render", epilog="Example: trichoscope render scalps --count 4 --style clipped --seed 1")
def render_(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where the photographs go; made where it is missing.")
    ],
    count: Annotated[int, typer.Option(min=1, help="How many photographs.")] = 4,
    style: Annotated[str, typer.Option(help="clipped, long, coarse_clipped or coarse_long.")] = "clipped",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same photographs.")] = 1,
    size: Annotated[str | None, typer.Option(metavar="WIDTHxHEIGHT", help="Pixels; drawn where not given.")] = None,
    scale_um: Annotated[
        float | None, typer.Option(help="Micrometres of skin per pixel, 0.5 to 30; drawn where not given.")
    ] = None,
) -> None:
    """Render photographs of simulated scalps, each with its truth: NAME.jpg and NAME.json.

    The truth has every hair with its root, path, width and class, and the scale that `analyze` asks for.
    """
    import numpy as np

    from .photograph import MIN_SIDE_PX, check_scale
    from .simulation import STYLES, draw_scene, render

    if style not in STYLES:
        raise typer.BadParameter(f"{style!r} is none of {', '.join(STYLES)}.", param_hint="--style")
    wanted: dict[str, Any] = {}
    if size is not None:
        match = re.fullmatch(r"(\d{2,4})x(\d{2,4})", size)
        if match is None or min(sides := [int(side) for side in match.groups()]) < MIN_SIDE_PX:
            raise typer.BadParameter(f"{size!r} is not like 1280x1024.", param_hint="--size")
        wanted |= dict(zip(("width_px", "height_px"), sides, strict=True))
    if scale_um is not None:
        wanted["um_per_px"] = check_scale(scale_um)
    check_folder(directory)

    table = Table("Photograph", "Size px", "Scale µm/px", "Hairs", box=None)
    for index in _with_progress(range(count), count, "Rendering"):
        rng = np.random.default_rng([seed, index])
        scalp, scope = draw_scene(rng, style)
        rendering = render(scalp, replace(scope, **wanted), seed=int(rng.integers(2**32)))
        name = f"{style}-{seed}-{index:03d}"
        write(directory / f"{name}.jpg", rendering.jpeg)
        write(directory / f"{name}.json", json.dumps(rendering.truth()).encode())
        height, width = rendering.pixels.shape[:2]
        table.add_row(f"{name}.jpg", f"{width} × {height}", f"{rendering.um_per_px:.2f}", str(len(rendering.hairs)))
    output.print(table)


@app.command(name="calibrate", epilog="Example: trichoscope calibrate grid.jpg --target dots --pitch-um 500")
def calibrate_(
    photographs: Annotated[
        list[Path], typer.Argument(metavar="PHOTO...", help="The target, once or more, as sharp as the scalp is to be.")
    ],
    target: Annotated[str, typer.Option(help="dots (a square grid) or ticks (a stage micrometer, an etched scale).")],
    pitch_um: Annotated[float, typer.Option(help="Micrometres from one dot or tick to the next, 5 to 5000.")],
    grey_card: Annotated[
        Path | None, typer.Option(metavar="PHOTO", help="A plain grey card: exposure, colour gains, flat field.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FILE.toml", help="Where the calibration is kept.")] = Path(
        "calibration.toml"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Show every figure as JSON.")] = False,
) -> None:
    """Find how many micrometres a pixel shows, from photographs of a target of known pitch.

    Focus and zoom must then stay as they are.
    """
    from .measurement.calibration import as_contract, calibrate, to_toml
    from .photograph import read_pixels

    if target not in ("dots", "ticks"):
        raise typer.BadParameter(f"{target!r} is neither dots nor ticks.", param_hint="--target")
    if out.suffix.lower() != ".toml":
        raise OutputNameInvalid(f"{out} does not end in .toml.")
    check_writable(out.parent)
    grey = read_pixels(grey_card) if grey_card else None
    now = datetime.now(UTC).replace(microsecond=0)
    calibration = calibrate([read_pixels(path) for path in photographs], target, pitch_um, now, grey)  # type: ignore[arg-type]
    write(out, to_toml(calibration).encode())
    if as_json:
        print_json(as_contract(calibration))
        return
    output.print(
        f"{calibration.um_per_px:.4f} ± {calibration.uncertainty_um_per_px:.4f} µm per pixel (95 %), "
        f"from {calibration.marks} {target}, until {calibration.expires_at:%Y-%m-%d}: {out}",
        highlight=False,
        soft_wrap=True,
    )
    for warning in calibration.warnings:
        output.print(Text(warning))


def _known_scale(scale_um: float | None, path: Path | None) -> tuple[float, Calibration | None]:
    """The scale as it was given, or that of a calibration that is in date. Raises an error of family 6."""
    from .measurement.calibration import read_calibration
    from .photograph import check_scale

    if path is None:
        return check_scale(scale_um), None
    if scale_um is not None:
        raise ScaleGivenTwice
    calibration = read_calibration(path)
    if calibration is None:
        raise CalibrationUnreadable(f"{path} is not there.")
    calibration.check(datetime.now(UTC))
    return calibration.um_per_px, calibration


def _with_progress(steps: Iterable[T], total: int, doing: str) -> Iterable[T]:
    return track(steps, doing, total=total, console=diagnostics, transient=True, disable=not diagnostics.is_terminal)


def _decode_ahead(
    paths: Sequence[Path], um_per_px: float, calibration: Calibration | None = None
) -> Iterator[tuple[Path, Future[tuple[Frame, float]]]]:
    """Each photograph with its finished frame and the milliseconds it took; the next one is decoded meanwhile."""
    from .photograph import read_photograph

    def decode(path: Path) -> tuple[Frame, float]:
        started = time.perf_counter()
        frame = read_photograph(path, um_per_px)
        if calibration:
            calibration.check_size(frame.size_px)
        return frame, 1e3 * (time.perf_counter() - started)

    with ThreadPoolExecutor(max_workers=1) as background:
        decoding = background.submit(decode, paths[0])
        for path, following in zip_longest(paths, paths[1:]):
            decoded = decoding
            wait([decoded])  # no earlier than this: two frames in memory, never three
            if following is not None:
                decoding = background.submit(decode, following)
            yield path, decoded


def _check_outputs(
    json_path: Path | None, csv_path: Path | None, overlay_dir: Path | None, overlays: list[Path]
) -> None:
    """Find out before the work what would spoil it at the end."""
    for path, ending in ((json_path, ".json"), (csv_path, ".csv")):
        if path is None:
            continue
        if path.suffix.lower() != ending:
            raise OutputNameInvalid(f"{path} does not end in {ending}.")
        if path.is_dir():
            raise OutputNotWritable(f"{path} is a folder.")
        check_writable(path.parent)
    if overlay_dir is not None:
        check_folder(overlay_dir)
    for path in overlays:
        if overlays.count(path) > 1:
            raise OutputNameInvalid(f"Two photographs would both be drawn to {path}; analyze them one after the other.")


def _complain(error: TrichoscopeError, image: str | None = None) -> None:
    where = f"{image}: " if image is not None else ""
    diagnostics.print(Text(f"{error.code} {where}{error.message}", style="red"), soft_wrap=True)


def _as_csv(entries: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("image", "root_x_px", "root_y_px", *HAIR_COLUMNS))
    for entry in entries:
        for hair in entry.get("hairs", ()):
            rows.writerow((entry["image"], *hair["root_px"], *(hair[column] for column in HAIR_COLUMNS)))
    return text.getvalue()


def _as_table(entries: Sequence[Mapping[str, Any]]) -> Table:
    table = Table()
    table.add_column("Photograph", overflow="fold")
    for heading in ("Hairs", "Terminal", "Vellus", "Density /cm² (95 %)", "Width µm", "Usable"):
        table.add_column(heading, justify="right")
    for entry in entries:
        if "error" in entry:
            table.add_row(Text(entry["image"]), *5 * ["–"], Text(entry["error"]["code"], style="red"))
            continue
        density = entry["density_per_cm2"]["total"]
        table.add_row(
            Text(entry["image"]),
            *(_shown(entry["counts"][kind]) for kind in ("total", "terminal", "vellus")),
            f"{density['value']:.0f} ({density['low']:.0f}–{density['high']:.0f})" if density else "–",
            _shown(entry["diameter_um"]["mean"]),
            "yes" if entry["quality"]["usable"] else Text("no", style="red"),
        )
    return table


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"
