"""`trichoscope sync` in a process that a drill kills: says when the imports are done and sending begins."""

from __future__ import annotations

import sys

import trichoscope.clinic.building
import trichoscope.clinic.sending
import trichoscope.config  # noqa: F401  the slow imports, so that the kill meets the work
from trichoscope import cli

print("sending", flush=True)
cli.main(["sync", "--config", sys.argv[1]])
