"""The commands of the instrument: run, selftest, status, config."""

from __future__ import annotations

import json
import logging
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from . import __version__
from .cli_options import AsJson, ConfigFile, Data
from .errors import InstrumentNotInstalled, ReadingsMissing
from .outputs import check_folder, print_json

if TYPE_CHECKING:
    from .config import Config
    from .selftest import Finding

app = typer.Typer()
output = Console()

Simulate = Annotated[bool, typer.Option("--simulate", help="A drawn scalp, button and light instead of real ones.")]

SIMULATED_RECORDS = Path("simulated-records")
SCREENS = Path("simulated-screens")
PRESSES = 3
RESTART, SWITCH_OFF = 75, 76
"""Exit codes of the instrument itself, for its unit: what was asked for on its screen."""


@app.command(epilog="Example: trichoscope run --simulate --presses 3 --screens screens --data visits")
def run(
    config_path: ConfigFile = None,
    simulate: Simulate = False,
    data: Data = None,
    presses: Annotated[
        int | None, typer.Option(min=1, help="With --simulate: press so often by itself, and leave.")
    ] = None,
    screens: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write every screen as a PNG, as it is left.")
    ] = None,
) -> None:
    """Be the instrument: live view, press, reading, kept, shown.

    With --simulate in a window; where there is no display, three presses at three sites and every screen as a PNG.
    """
    device = _device()
    if presses is not None and not simulate:
        raise typer.BadParameter("it presses the simulated button: give --simulate too.", param_hint="--presses")
    logging.getLogger("trichoscope").setLevel(logging.INFO)
    alone = presses is not None or (simulate and not device.has_display())
    if alone and screens is None:
        screens = SCREENS
    if screens is not None:
        check_folder(screens)
    changes: dict[str, Any] = {"screen": {"driver": "dummy"}} if alone else {}
    config = _config(config_path, simulate, data, changes)
    wanted = (presses or PRESSES) if alone else None
    ended = device.run(config, presses=wanted, screens=screens)
    if wanted is not None:
        typer.echo(f"{ended.readings} readings kept in {config.records.folder}, screens in {screens}.")
        if ended.readings < wanted:
            raise ReadingsMissing(f"{ended.readings} of {wanted}.")
    elif ended.wish is not None and config.screen.driver == "kmsdrm":
        raise typer.Exit({"restart": RESTART, "off": SWITCH_OFF}[ended.wish])


@app.command(epilog="Example: trichoscope selftest --json")
def selftest(
    config_path: ConfigFile = None, simulate: Simulate = False, data: Data = None, as_json: AsJson = False
) -> None:
    """Check everything: model, records, camera, lights, calibration, storage, power, clock.

    The instrument must not be running meanwhile: it has the camera. Cautions leave the exit code 0.
    """
    device = _device()
    config = _config(config_path, simulate, data, {"screen": {"driver": "dummy"}})
    with ExitStack() as stack:
        findings = device.check(config, stack)
    _show(findings, as_json)


@app.command(epilog="Example: trichoscope status --json")
def status(
    config_path: ConfigFile = None, simulate: Simulate = False, data: Data = None, as_json: AsJson = False
) -> None:
    """Say how the instrument fares, without touching its devices: it may be running."""
    device = _device()
    config = _config(config_path, simulate, data, {})
    _show(device.state(config), as_json)


@app.command(name="config", epilog="Example: trichoscope config --config clinic.toml")
def config_(config_path: ConfigFile = None, as_json: AsJson = False) -> None:
    """Check the configuration and show what it comes to, or everything that is wrong with it."""
    config = _config(config_path, simulate=False, data=None, changes={})
    document = config.model_dump(mode="json")
    if as_json:
        print_json({"format": 1, "config": document})
        return
    for name, value in _flat(document):
        output.print(Text(f"{name} = {json.dumps(value, ensure_ascii=False)}"))


def _device() -> Any:
    """What only the instrument needs is imported here: somebody who only analyzes has none of it."""
    try:
        from . import device
    except ImportError as error:
        raise InstrumentNotInstalled(f"{error}.") from error
    return device


def _config(path: Path | None, simulate: bool, data: Path | None, changes: dict[str, Any]) -> Config:
    try:
        from .config import load
    except ImportError as error:
        raise InstrumentNotInstalled(f"{error}.") from error
    if simulate:
        changes = {
            "camera": {"driver": "simulated"},
            "panel": {"driver": "simulated"},
            "screen": {"driver": "window"},
            "records": {"folder": str(SIMULATED_RECORDS)},
        } | changes
    if data is not None:
        changes = changes | {"records": {"folder": str(data)}}
    return load(path, changes)


def _show(findings: list[Finding], as_json: bool) -> None:
    if as_json:
        document = [{"name": f.name, "state": f.state, "words": f.words, "code": f.code} for f in findings]
        print_json({"format": 1, "firmware": __version__, "findings": document})
    else:
        table = Table("Checked", "State", "Found")
        for finding in findings:
            style = {"good": "green", "caution": "yellow", "bad": "red"}[finding.state]
            words = finding.words if finding.code is None else f"{finding.code} {finding.words}"
            table.add_row(finding.name, Text(finding.state, style), Text(words))
        output.print(table)
    if bad := [finding for finding in findings if finding.state == "bad"]:
        raise typer.Exit(10 + int((bad[0].code or "E900")[1]))


def _flat(document: dict[str, Any], above: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in document.items():
        rows += _flat(value, f"{above}{key}.") if isinstance(value, dict) else [(above + key, value)]
    return rows
