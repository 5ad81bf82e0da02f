"""The network on the device: coordinates, tiles, and a model that is not its card's."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from trichoscope.errors import ModelCardInvalid, ModelChanged, ModelMissing
from trichoscope.frame import Frame
from trichoscope.measurement import hairnet as module
from trichoscope.measurement.hairnet import NET_UM_PER_PX, Hairnet, Maps, default_model_path, resample
from trichoscope.simulation import Rendering, Scalp, Scope, render

TILE, OVERLAP = 1088, 144


@pytest.fixture(scope="module")
def hairnet() -> Hairnet:
    return Hairnet.load(threads=1)


@pytest.fixture(scope="module")
def photograph() -> Rendering:
    return render(Scalp(), Scope(width_px=640, height_px=512, um_per_px=NET_UM_PER_PX / 2), seed=5)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the model and its card."""
    for suffix in (".tflite", ".toml"):
        shutil.copy(default_model_path().with_suffix(suffix), tmp_path)
    return tmp_path / default_model_path().name


def test_the_model_has_a_name_and_the_hash_of_its_file(hairnet: Hairnet) -> None:
    assert hairnet.name == "hairnet"
    assert len(hairnet.sha256) == 64


def test_a_changed_model_is_refused(model: Path) -> None:
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(data)
    with pytest.raises(ModelChanged):
        Hairnet.load(model)


@pytest.mark.parametrize("suffix", [".tflite", ".toml"])
def test_a_missing_file_is_named(model: Path, suffix: str) -> None:
    model.with_suffix(suffix).unlink()
    with pytest.raises(ModelMissing, match=rf"hairnet\{suffix}"):
        Hairnet.load(model)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("sha256", "checksum"),
        ("width_px = 1088", "width_px = 1024"),
        ("um_per_px = 6.4", "um_per_px = 5"),
        ("[", "[[["),
    ],
)
def test_a_card_of_another_model_is_refused(model: Path, before: str, after: str) -> None:
    card = model.with_suffix(".toml")
    card.write_text(card.read_text("utf-8").replace(before, after), "utf-8")
    with pytest.raises(ModelCardInvalid):
        Hairnet.load(model)


@pytest.mark.parametrize(("width", "height", "um_per_px"), [(640, 480, 2.77), (333, 257, 9.1), (64, 64, 6.4)])
def test_maps_cover_the_frame(hairnet: Hairnet, width: int, height: int, um_per_px: float) -> None:
    maps = hairnet.maps(Frame(np.full((height, width, 3), 170, np.uint8), um_per_px))
    rows, columns = maps.root.shape
    assert maps.orientation.shape == maps.to_root_um.shape == (rows, columns, 2)
    assert maps.tip.shape == maps.centreline.shape == maps.width_um.shape == (rows, columns)
    corner = maps.to_photograph_px(np.array([columns - 0.5, rows - 0.5])) + 0.5
    assert corner == pytest.approx([width, height], abs=2 * maps.cell_px[0])
    assert (corner > np.array([width, height]) - 1e-6).all()


def test_cells_and_pixels_are_two_names_of_one_place(hairnet: Hairnet) -> None:
    maps = hairnet.maps(Frame(np.zeros((480, 640, 3), np.uint8), 3.2))
    assert maps.cell_px == (4.0, 4.0)
    assert maps.to_photograph_px(np.array([0.0, 0.0])) == pytest.approx([1.5, 1.5])  # the middle of pixels 0 to 3
    points = np.array([[3.25, 7.5], [100.0, 0.0]])
    assert maps.to_cells(maps.to_photograph_px(points)) == pytest.approx(points)


def test_a_dot_stays_where_it_is_when_resampled() -> None:
    pixels = np.zeros((300, 400, 3), np.uint8)
    pixels[118:123, 197:202] = 255  # centred on x 199, y 120
    for um_per_px in (2.77, 3.2, 9.0):
        small = resample(pixels, um_per_px)[..., 0].astype(float)
        ys, xs = np.mgrid[0 : small.shape[0], 0 : small.shape[1]]
        scale = np.array([400 / small.shape[1], 300 / small.shape[0]])
        centre = np.array([(xs * small).sum(), (ys * small).sum()]) / small.sum()
        assert (centre + 0.5) * scale - 0.5 == pytest.approx([199, 120], abs=0.06 * scale[0])


@given(st.integers(1, 9000))
def test_tiles_share_the_frame_out_without_gap_or_overlap(length: int) -> None:
    tiles = module._tiles(length, TILE, OVERLAP)
    assert [first for _, first, _ in tiles] == [0, *(last for _, _, last in tiles[:-1])]
    assert tiles[-1][2] * 4 >= length
    for start, first, last in tiles:
        assert start % 32 == 0
        assert start <= 4 * first
        assert 4 * last <= start + TILE + 3
        assert first == 0 or 4 * first - start >= OVERLAP / 2 - 20  # far from an edge that is not the frame's
        assert 4 * last >= length or start + TILE - 4 * last >= OVERLAP / 2 - 20


def root_cells(maps: Maps) -> NDArray[np.intp]:
    return np.stack(np.nonzero(maps.root > maps.root_threshold), 1)


def test_tiles_and_a_whole_frame_give_the_same_answer(hairnet: Hairnet, photograph: Rendering) -> None:
    """Within 0.05 of a probability wherever it matters: what is left is what 450 µm away has to say, and rounding."""
    picture = resample(photograph.pixels, photograph.um_per_px)
    height, width = picture.shape[:2]
    frame = np.full((1200, 1600, 3), 128, np.uint8)
    x, y = 640, 512  # the seams of the four tiles run through the picture
    frame[y : y + height, x : x + width] = picture
    alone = np.full((832, 1088, 3), 128, np.uint8)
    alone[256 : 256 + height, 320 : 320 + width] = picture
    tiled, whole = hairnet.maps(Frame(frame, NET_UM_PER_PX)), hairnet.maps(Frame(alone, NET_UM_PER_PX))
    for name in ("root", "tip", "centreline"):
        a = getattr(tiled, name)[y // 2 : (y + height) // 2, x // 2 : (x + width) // 2]
        b = getattr(whole, name)[128 : 128 + height // 2, 160 : 160 + width // 2]
        assert b.max() > 0.2  # there is something to see
        assert np.abs(a - b).max() < 0.05


def test_a_bare_frame_has_no_roots(hairnet: Hairnet) -> None:
    assert len(root_cells(hairnet.maps(Frame(np.full((512, 640, 3), 170, np.uint8), 3.2)))) == 0


def test_roots_are_found_where_they_are(hairnet: Hairnet, photograph: Rendering) -> None:
    maps = hairnet.maps(Frame(photograph.pixels, photograph.um_per_px))
    true = np.array([hair.root_px for hair in photograph.hairs if not hair.hidden])
    heat = np.array([maps.root[tuple(np.round(maps.to_cells(root)[::-1]).astype(int))] for root in true])
    assert np.median(heat) > maps.root_threshold
    assert np.mean(maps.root > maps.root_threshold) < 0.02


def test_both_runtimes_agree(photograph: Rendering, monkeypatch: pytest.MonkeyPatch) -> None:
    """They differ by rounding: two steps of an int8 code."""
    pytest.importorskip("ai_edge_litert", reason="without it the other runtime is the only one")
    runtime = pytest.importorskip("tflite_runtime.interpreter", reason="made for Python 3.11 and older, with numpy 1")
    frame = Frame(photograph.pixels, photograph.um_per_px)
    ours = Hairnet.load().maps(frame)
    monkeypatch.setattr(
        module, "_interpreter", lambda model, threads: runtime.Interpreter(model_content=model, num_threads=threads)
    )
    theirs = Hairnet.load().maps(frame)
    assert np.abs(ours.root - theirs.root).max() < 0.03
    on_shaft = ours.centreline > ours.centreline_threshold  # elsewhere nobody reads the width
    assert np.abs(ours.width_um / theirs.width_um - 1)[on_shaft].max() < 0.05
