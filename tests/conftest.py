"""What several test files share: a way to run the command line, and a small picture that is no scalp."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from trichoscope import cli


@dataclass(frozen=True)
class Outcome:
    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture
def trichoscope(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run one command as a shell would."""

    def run(*arguments: str | Path) -> Outcome:
        with pytest.raises(SystemExit) as left:
            cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(int(left.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def pixels() -> NDArray[np.uint8]:
    """96 × 128 × 3 RGB, smooth and different in every corner and channel."""
    coarse = np.random.default_rng(1).integers(30, 225, (6, 8, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (128, 96), interpolation=cv2.INTER_CUBIC), np.uint8)
