"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="For a program: JSON on the standard output.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE.toml", help="Your settings; else those in /etc/trichoscope."),
]
Data = Annotated[Path | None, typer.Option("--data", metavar="DIR", help="The folder of the records.")]
