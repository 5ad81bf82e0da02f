"""The command line: what it writes is the contract, what it cannot do it says with a number, and says it early."""

from __future__ import annotations

import csv
import json
import resource
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import trichoscope.photograph
from trichoscope import __version__, cli, outputs
from trichoscope.errors import OutputNotWritable
from trichoscope.frame import Frame
from trichoscope.measurement.hairnet import default_model_path
from trichoscope.photograph import read_photograph

Run = Callable[..., Any]
SCALE = 3.2


@pytest.fixture(scope="session")
def scalp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered photograph with its truth beside it."""
    folder = tmp_path_factory.mktemp("scalp")
    with pytest.raises(SystemExit) as left:
        cli.main(["render", str(folder), "--count", "1", "--size", "1200x900", "--scale-um", str(SCALE), "--seed", "3"])
    assert not left.value.code
    return folder / "clipped-3-000.jpg"


@pytest.fixture(scope="session")
def visit(scalp: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Analyzed once for all tests: a good photograph, a truncated one, a text, another good one, a missing one."""
    folder = tmp_path_factory.mktemp("visit")
    photographs = [folder / name for name in ("a.jpg", "b.jpg", "c.jpg", "d.png", "missing.jpg")]
    data = scalp.read_bytes()
    photographs[0].write_bytes(data)
    photographs[1].write_bytes(data[: len(data) // 2])
    photographs[2].write_text("no photograph")
    cv2.imwrite(str(photographs[3]), look(scalp)[..., ::-1])
    outputs = ["--json", folder / "visit.json", "--csv", folder / "hairs.csv", "--overlay", folder / "overlays"]
    with pytest.raises(SystemExit) as left:
        cli.main([str(a) for a in ("analyze", *photographs, "--scale-um", SCALE, *outputs)])
    (folder / "exit").write_text(str(left.value.code))
    return folder


def look(path: Path) -> NDArray[np.uint8]:
    return read_photograph(path, SCALE).pixels


def readings(visit: Path) -> list[dict[str, Any]]:
    document: dict[str, Any] = json.loads((visit / "visit.json").read_text())
    assert document["format"] == 1
    assert set(document["model"]) == {"name", "sha256"}
    return list(document["readings"])


def test_a_reading_has_the_shape_of_the_contract(visit: Path) -> None:
    reading = readings(visit)[0]
    assert reading["image"] == str(visit / "a.jpg")
    assert reading["size_px"] == [1200, 900]
    assert reading["scale_um_per_px"] == SCALE
    assert reading["area_mm2"] == pytest.approx(1200 * 900 * SCALE**2 * 1e-6, rel=1e-3)
    assert reading["threshold_um"] == 40
    assert set(reading["counts"]) == set(reading["density_per_cm2"]) == {"total", "terminal", "vellus"}
    assert set(reading["density_per_cm2"]["total"]) == {"value", "low", "high"}
    assert set(reading["diameter_um"]) == {"mean", "median", "sd"}
    assert set(reading["units"]) == {"count", "per_cm2", "hairs_per_unit"}
    assert set(reading["quality"]) == {"usable", "reasons"}
    assert {
        "terminal_to_vellus", "vellus_share", "diversity", "cumulative_thickness_mm_per_cm2", "warnings"
    } <= set(reading)  # fmt: skip
    assert {"decode", "model", "tracing", "total"} <= set(reading["elapsed_ms"])
    assert reading["counts"]["total"] == len(reading["hairs"]) > 0
    assert {
        "root_px", "path_px", "diameter_um", "diameter_sd_um", "length_um", "class", "class_probability", "unit",
        "cut_by_frame",
    } <= set(reading["hairs"][0])  # fmt: skip


def test_the_reading_is_that_of_the_scalp(visit: Path, scalp: Path) -> None:
    truth = [hair for hair in json.loads(scalp.with_suffix(".json").read_text())["hairs"] if not hair["ignore"]]
    assert readings(visit)[0]["counts"]["total"] == pytest.approx(len(truth), rel=0.35)  # one scalp: a wide net


def test_a_jpeg_and_its_png_copy_give_one_reading(visit: Path) -> None:
    first, copy = readings(visit)[0], readings(visit)[3]
    assert first["hairs"] == copy["hairs"]


def test_bad_files_become_entries_and_the_others_go_on(visit: Path) -> None:
    codes = [reading.get("error", {}).get("code") for reading in readings(visit)]
    assert codes == [None, "E203", "E202", None, "E201"]
    assert all(reading["error"]["message"] for reading in readings(visit) if "error" in reading)
    assert (visit / "exit").read_text() == "12"


def test_the_csv_has_one_row_for_each_hair(visit: Path) -> None:
    with (visit / "hairs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    hairs = [hair for reading in readings(visit) for hair in reading.get("hairs", ())]
    assert [float(row["diameter_um"]) for row in rows] == [hair["diameter_um"] for hair in hairs]
    assert [[float(row["root_x_px"]), float(row["root_y_px"])] for row in rows] == [hair["root_px"] for hair in hairs]
    assert {row["image"] for row in rows} == {str(visit / "a.jpg"), str(visit / "d.png")}


def test_overlays_are_pictures_of_the_photographs(visit: Path) -> None:
    assert sorted(path.name for path in (visit / "overlays").iterdir()) == ["a-overlay.png", "d-overlay.png"]
    overlay, photograph = look(visit / "overlays" / "a-overlay.png"), look(visit / "a.jpg")
    assert overlay.shape[1] == photograph.shape[1]
    assert np.abs(overlay[: photograph.shape[0]].astype(int) - photograph).mean() > 0.1


def test_nothing_unfinished_is_left_behind(visit: Path) -> None:
    assert [path for path in visit.rglob("*") if path.name.startswith(".")] == []


def test_the_table_shows_the_reading(trichoscope: Run, scalp: Path, tmp_path: Path) -> None:
    outcome = trichoscope("analyze", scalp.parent, "--scale-um", SCALE, "--json", tmp_path / "out.json")
    (reading,) = json.loads((tmp_path / "out.json").read_text())["readings"]
    assert outcome.exit_code == 0
    assert f" {reading['counts']['total']} " in outcome.stdout
    assert outcome.stderr == ""


@pytest.mark.parametrize("change", ["model", "card"])
def test_a_changed_model_is_refused(change: str, trichoscope: Run, scalp: Path, tmp_path: Path) -> None:
    model = tmp_path / "hairnet.tflite"
    shutil.copy(default_model_path(), model)
    shutil.copy(default_model_path().with_suffix(".toml"), tmp_path)
    if change == "model":
        data = bytearray(model.read_bytes())
        data[len(data) // 2] ^= 1
        model.write_bytes(data)
    else:
        model.with_suffix(".toml").write_text("name = ")
    outcome = trichoscope("analyze", scalp, "--scale-um", SCALE, "--model", model)
    assert outcome.exit_code == 13
    assert outcome.stderr.startswith("E302" if change == "model" else "E303")


def test_a_missing_model_is_refused(trichoscope: Run, scalp: Path, tmp_path: Path) -> None:
    outcome = trichoscope("analyze", scalp, "--scale-um", SCALE, "--model", tmp_path / "none.tflite")
    assert (outcome.exit_code, outcome.stderr[:4]) == (13, "E301")


# What follows needs no model: it is found out before one is loaded and before a file is opened.


@pytest.mark.parametrize("scale", ["0", "-1", "nan", "500"])
def test_an_impossible_scale_is_refused_first(scale: str, trichoscope: Run) -> None:
    outcome = trichoscope("analyze", "missing.jpg", f"--scale-um={scale}")
    assert (outcome.exit_code, outcome.stderr[:4]) == (16, "E602")


def test_a_missing_scale_is_refused_first(trichoscope: Run) -> None:
    outcome = trichoscope("analyze", "missing.jpg")
    assert (outcome.exit_code, outcome.stderr[:4]) == (16, "E601")


@pytest.mark.parametrize("threshold", ["0", "nan", "1000"])
def test_an_impossible_threshold_is_refused_first(threshold: str, trichoscope: Run) -> None:
    outcome = trichoscope("analyze", "missing.jpg", "--scale-um", 3, "--threshold-um", threshold)
    assert (outcome.exit_code, outcome.stderr[:4]) == (19, "E901")


@pytest.mark.parametrize(
    ("option", "name"), [("--json", "x/out.json"), ("--csv", "x/out.csv"), ("--overlay", "file/overlays")]
)
def test_an_output_that_cannot_be_written_is_refused_first(
    option: str, name: str, trichoscope: Run, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    outcome = trichoscope("analyze", "missing.jpg", "--scale-um", 3, option, tmp_path / name)
    assert (outcome.exit_code, outcome.stderr[:4]) == (14, "E401")


@pytest.mark.parametrize("option", ["--json", "--csv"])
def test_an_output_never_overwrites_a_photograph(option: str, trichoscope: Run, tmp_path: Path) -> None:
    """As in `--csv *.jpg`, where the shell puts the first photograph behind the option."""
    photograph = tmp_path / "a.jpg"
    photograph.write_bytes(b"precious")
    outcome = trichoscope("analyze", "--scale-um", 3, option, photograph, "missing.jpg")
    assert (outcome.exit_code, outcome.stderr[:4]) == (19, "E902")
    assert photograph.read_bytes() == b"precious"


def test_two_photographs_never_share_an_overlay(trichoscope: Run, tmp_path: Path) -> None:
    outcome = trichoscope("analyze", "x/a.jpg", "y/a.jpg", "--scale-um", 3, "--overlay", tmp_path)
    assert (outcome.exit_code, outcome.stderr[:4]) == (19, "E902")


def test_a_folder_without_photographs_is_refused(trichoscope: Run, tmp_path: Path) -> None:
    outcome = trichoscope("analyze", tmp_path, "--scale-um", 3)
    assert (outcome.exit_code, outcome.stderr[:4]) == (12, "E207")


def test_a_write_that_fails_half_way_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    """The system's own limit on the size of a file stands in for a full disk; without it the file is replaced."""
    (tmp_path / "out.json").write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3, limits[1]))
    try:
        with pytest.raises(OutputNotWritable, match="File too large"):
            outputs.write(tmp_path / "out.json", b"new and longer")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]
    assert (tmp_path / "out.json").read_text() == "old"
    outputs.write(tmp_path / "out.json", b"new and longer")
    assert (tmp_path / "out.json").read_text() == "new and longer"


def test_the_next_photograph_is_decoded_while_one_is_measured(
    monkeypatch: pytest.MonkeyPatch, pixels: NDArray[np.uint8]
) -> None:
    decoded = {name: threading.Event() for name in ("a", "b", "c")}

    def read(path: Path, um_per_px: float) -> Frame:
        decoded[path.name].set()
        return Frame(pixels, um_per_px)

    monkeypatch.setattr(trichoscope.photograph, "read_photograph", read)
    ahead = cli._decode_ahead([Path("a"), Path("b"), Path("c")], 3.0)
    first, _ = next(ahead)
    assert first == Path("a")
    assert decoded["b"].wait(timeout=10)  # while "a" is still in our hands
    assert not decoded["c"].is_set()
    assert [path.name for path, _ in ahead] == ["b", "c"]


def test_render_is_repeatable_and_writes_the_truth(trichoscope: Run, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        outcome = trichoscope("render", tmp_path / folder, "--count", 2, "--seed", 5, "--size", "320x240")
        assert outcome.exit_code == 0
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["clipped-5-000.jpg", "clipped-5-000.json", "clipped-5-001.jpg", "clipped-5-001.json"]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    truth = json.loads((tmp_path / "one" / "clipped-5-000.json").read_text())
    assert truth["size_px"] == [320, 240]
    assert look(tmp_path / "one" / "clipped-5-000.jpg").shape == (240, 320, 3)


@pytest.mark.parametrize("option", [("--size", "640"), ("--size", "10x10"), ("--style", "shaved"), ("--count", "0")])
def test_render_refuses_what_it_cannot_draw(option: tuple[str, str], trichoscope: Run, tmp_path: Path) -> None:
    outcome = trichoscope("render", tmp_path, *option)
    assert outcome.exit_code == 2
    assert option[0] in outcome.stderr


@pytest.mark.parametrize("command", [[], ["analyze"], ["render"]])
def test_help_has_an_example(command: list[str], trichoscope: Run) -> None:
    outcome = trichoscope(*command, "--help")
    assert outcome.exit_code == 0
    assert "Example: trichoscope" in outcome.stdout


def test_version(trichoscope: Run) -> None:
    outcome = trichoscope("--version")
    assert (outcome.exit_code, outcome.stdout) == (0, f"trichoscope {__version__}\n")
