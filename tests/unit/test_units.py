"""Follicular units: hairs of one ostium belong together, neighbours do not."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from trichoscope.measurement.units import follicular_units

Points = NDArray[np.float64]


def scalp(rng: np.random.Generator, n: int, spacing_um: float, sizes: tuple[int, ...] = (1, 2, 2, 3, 4)) -> Points:
    """Columns x, y, unit: n units on a jittered lattice, their roots scattered 45 µm about the ostium."""
    side = int(np.ceil(np.sqrt(n)))
    centres = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2)[:n] * spacing_um
    centres = centres + rng.uniform(-0.1, 0.1, centres.shape) * spacing_um
    unit = np.repeat(np.arange(n), rng.choice(sizes, n))
    return np.column_stack([centres[unit] + np.clip(rng.normal(0, 45, (len(unit), 2)), -80, 80), unit])


def headings(angles: float | NDArray[np.float64], n: int) -> Points:
    angle = np.broadcast_to(angles, n)
    return np.stack([np.cos(angle), np.sin(angle)], 1)


def same_partition(a: NDArray[np.intp], b: NDArray[np.intp]) -> bool:
    return bool(np.array_equal(a[:, None] == a, b[:, None] == b))


@pytest.mark.parametrize("seed", range(5))
def test_ok__units_at_a_real_distance_are_found_exactly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    hairs = scalp(rng, 60, 1000)
    found = follicular_units(hairs[:, :2], headings(rng.normal(0.4, 0.3, len(hairs)), len(hairs)))
    assert same_partition(found, hairs[:, 2].astype(np.intp))


def test_ok__numbered_from_zero_in_order_of_appearance() -> None:
    roots = [[5000, 0], [0, 0], [5080, 0], [9000, 0], [60, 40]]
    assert follicular_units(roots, headings(0.0, 5)).tolist() == [0, 1, 0, 2, 1]


def test_ok__order_rotation_and_place_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    hairs = scalp(rng, 80, 420)  # so dense that units nearly touch
    roots, direction = hairs[:, :2], headings(rng.normal(0, 0.4, len(hairs)), len(hairs))
    found = follicular_units(roots, direction)
    shuffled = rng.permutation(len(roots))
    assert same_partition(follicular_units(roots[shuffled], direction[shuffled]), found[shuffled])
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert same_partition(follicular_units(roots @ turn.T - 7000, direction @ turn.T), found)


def test_ok__a_row_of_near_neighbours_is_not_one_unit() -> None:
    row = np.stack([np.arange(12) * 200.0, np.zeros(12)], 1)
    found = follicular_units(row, headings(np.pi / 2, 12))
    assert np.bincount(found).max() <= 3


def test_ok__an_offset_along_the_hairs_counts_less_than_one_across() -> None:
    pair = [[0, 0], [300, 0]]
    assert len(set(follicular_units(pair, headings(0.0, 2)).tolist())) == 1
    assert len(set(follicular_units(pair, headings(np.pi / 2, 2)).tolist())) == 2


def test_ok__hairs_that_part_from_one_ostium_stay_together() -> None:
    assert follicular_units([[0, 0], [100, 0]], headings(np.array([2.4, 0.7]), 2)).tolist() == [0, 0]


@pytest.mark.parametrize("n", [0, 1])
def test_ok__none_and_one(n: int) -> None:
    assert follicular_units(np.zeros((n, 2)), np.zeros((n, 2))).tolist() == [0] * n


def test_ok__unknown_directions_and_identical_roots() -> None:
    assert follicular_units([[5, 5], [5, 5], [2000, 5]], np.zeros((3, 2))).tolist() == [0, 0, 1]


def test_ok__a_full_scalp_takes_milliseconds() -> None:
    rng = np.random.default_rng(0)
    hairs = scalp(rng, 260, 700)
    began = time.process_time()
    follicular_units(hairs[:, :2], headings(0.3, len(hairs)))
    assert len(hairs) > 500
    assert time.process_time() - began < 0.1  # measured: 3 ms
