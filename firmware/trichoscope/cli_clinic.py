"""The commands for the clinic: sync, worklist, reanalyze, wifi."""

from __future__ import annotations

import fcntl
import logging
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, track
from rich.table import Table
from rich.text import Text

from .cli_options import AsJson, ConfigFile, Data
from .clock import Instant, SystemClock
from .errors import CLINIC_FAMILY, ClinicNotSet, SchedulerUnavailable, SyncRunning, TrichoscopeError, WifiCodeInvalid
from .outputs import print_json, write

if TYPE_CHECKING:
    from .clinic.reanalysis import Picture, Results, Row, Way
    from .clinic.sending import Summary
    from .clinic.settings import ClinicSettings
    from .clinic.wifi import Profile as WifiProfile
    from .config import Config
    from .records import Store
    from .records.outbox import Outbox

LOCK = "sync.lock"
THRESHOLD_UM = 40.0
"""As `analyze` has it."""
LEAST_BATTERY_PERCENT = 40
"""By night: sending an evening's captures takes a few percent, and the morning needs the rest."""

log = logging.getLogger(__name__)
output = Console()
diagnostics = Console(stderr=True)
app = typer.Typer()


@app.command(epilog="Example: trichoscope sync --data visits --dry-run")
def sync(
    config_path: ConfigFile = None,
    data: Data = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
    nightly: Annotated[
        bool, typer.Option("--nightly", help="Only with power and a trusted clock; one line in the log.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Send what was captured to the clinic, and believe it there only when the clinic gives back the same bytes.

    Everything stays here until then. It may be interrupted at any moment and run again.
    """
    from .records import Store
    from .records.outbox import Outbox

    config = _config(config_path, data)
    clock = SystemClock()
    now = clock.now()
    if nightly:
        logging.getLogger("trichoscope").setLevel(logging.INFO)
        if (reason := _not_now(config, now)) is not None:
            log.info("not now: %s", reason)
            return
    with Store(config.records.folder, clock) as store:
        if dry_run:
            _show_plan(Outbox(store), as_json)
            return
        with _alone(config.records.folder):
            began = time.monotonic()
            summary = _sync(store, config.clinic.settings(), clock, shown=not nightly)
            seconds = time.monotonic() - began
        unsent = Outbox(store).unsent()
    _show_summary(summary, unsent, seconds, nightly, as_json)
    if summary.problems:
        raise typer.Exit(summary.problems[0].row.exit_code)


@app.command(epilog="Example: trichoscope worklist --fetch --data visits")
def worklist(
    config_path: ConfigFile = None,
    data: Data = None,
    fetch: Annotated[bool, typer.Option("--fetch", help="Ask the clinic first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the clinic's patients as they were last fetched."""
    from .records import Store
    from .records.outbox import Outbox

    config = _config(config_path, data)
    clock = SystemClock()
    with Store(config.records.folder, clock) as store:
        outbox = Outbox(store)
        if fetch:
            _fetch_worklist(outbox, config.clinic.settings(), clock.now())
        found = outbox.worklist()
    if as_json:
        appointments = [vars(each) for each in found.appointments] if found else []
        fetched_at = found.fetched_at.isoformat() if found else None
        print_json({"format": 1, "fetched_at": fetched_at, "appointments": appointments})
        return
    table = Table("Starts", "Patient", "Name", "Accession number", "What")
    for each in found.appointments if found else ():
        row = (_when(each.starts_at), each.patient, each.name.replace("^", " "), each.accession_number)
        table.add_row(*map(Text, (*row, each.description)))
    output.print(table)
    output.print(f"Fetched {found.fetched_at:%Y-%m-%d %H:%M}." if found else "No worklist was ever fetched.")


@app.command(epilog="Example: trichoscope reanalyze study/ --scale-um 2.77 --out study.jsonl")
def reanalyze(
    photographs: Annotated[
        list[Path] | None, typer.Argument(metavar="[PHOTO_OR_FOLDER...]", help="Files, or folders of them.")
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="FILE.jsonl", help="One line a photograph; an interrupted run goes on.")
    ] = Path("reanalysis.jsonl"),
    scale_um: Annotated[float | None, typer.Option(help="Micrometres of skin per pixel, for files.")] = None,
    data: Annotated[Path | None, typer.Option("--data", metavar="DIR", help="The records in this folder.")] = None,
    query: Annotated[
        str | None,
        typer.Option(metavar="KEY=VALUE&...", help="The clinic's photographs that match, by DICOM keyword."),
    ] = None,
    threshold_um: Annotated[
        float | None, typer.Option(help="Hairs up to this width are vellus; 40, or of records their own.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="On this Dask cluster; it must see the same files.")
    ] = None,
    revise: Annotated[
        bool, typer.Option("--revise", help="With --data: what has changed goes to the clinic as a new revision.")
    ] = False,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Processor cores to use, of each worker.")] = 2,
    config_path: ConfigFile = None,
) -> None:
    """Measure many photographs with the current model: files, records, or what the clinic's server has.

    Every line is what `analyze` says of the photograph. Run it again after an interruption: it goes on.
    """
    from .clinic.reanalysis import Results, Way
    from .measurement.hairnet import Hairnet

    if [bool(photographs), data is not None, query is not None].count(True) != 1:
        raise typer.BadParameter("give photographs, or --data, or --query.", param_hint="PHOTO_OR_FOLDER")
    if revise and data is None:
        raise typer.BadParameter("only captures in records have reports: give --data.", param_hint="--revise")
    hairnet = Hairnet.load(None, threads)
    settings = _config(config_path).clinic.settings() if query is not None or revise else None
    way = Way(hairnet.sha256, threads=threads, clinic=settings)
    of = {"threshold_um": threshold_um, "scale_um": scale_um, "query": query}
    left = 0
    with (
        Results(out, {"model": {"name": hairnet.name, "sha256": hairnet.sha256}, **of}) as results,
        ExitStack() as stack,
    ):
        store = stack.enter_context(_records(data)) if data is not None else None
        pictures = list(_pictures(photographs or [], scale_um, store, query, threshold_um, settings))
        todo = [picture for picture in pictures if picture.name not in results.done]
        for row in _shown_rows(todo, way, scheduler):
            left += not results.add(row)
        failed = sum("error" in row for row in results.rows())
        revised = _revise(store, results, settings) if revise and store is not None and settings is not None else 0
    output.print(
        f"{len(pictures)} photographs: {len(todo) - left} measured now, {len(pictures) - len(todo)} before, "
        f"{failed} of them not measurable, {left} not reached. {out}" + (f", {revised} revised" if revise else ""),
        soft_wrap=True,
    )
    if left:
        raise typer.Exit(10 + CLINIC_FAMILY)


@app.command(epilog="Example: sudo trichoscope wifi code.jpg")
def wifi(
    source: Annotated[
        Path, typer.Argument(metavar="FILE", help="A picture of the QR code, its text, or a NetworkManager keyfile.")
    ],
    profiles: Annotated[Path, typer.Option(metavar="DIR", help="Where NetworkManager keeps its profiles.")] = Path(
        "/etc/NetworkManager/system-connections"
    ),
    remove: Annotated[bool, typer.Option("--remove", help="Remove the file afterwards: it holds a password.")] = False,
) -> None:
    """Join the clinic's Wi-Fi, now and whenever it is near."""
    try:
        profile = _wifi_profile(source)
    finally:
        if remove:
            source.unlink(missing_ok=True)
    path = profiles / profile.file_name
    write(path, profile.text.encode(), mode=0o600)
    if (nmcli := shutil.which("nmcli")) is not None:
        subprocess.run([nmcli, "connection", "load", path], check=False, stdout=subprocess.DEVNULL)
    output.print(Text(f"{profile.name}: the device joins it when it is near."))


def _wifi_profile(source: Path) -> WifiProfile:
    from .clinic.wifi import from_code, from_file
    from .instrument.wristband import read_code
    from .photograph import SUFFIXES, read_pixels

    if source.suffix.lower() in SUFFIXES:
        code = read_code(read_pixels(source))
        if code is None:
            raise WifiCodeInvalid("The picture shows no code, or more than one.")
        return from_code(code)
    try:
        return from_file(source.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise WifiCodeInvalid(f"{source} cannot be read.") from error


def _pictures(
    photographs: list[Path],
    scale_um: float | None,
    store: Store | None,
    query: str | None,
    threshold_um: float | None,
    settings: ClinicSettings | None,
) -> Iterator[Picture]:
    from urllib.parse import parse_qsl

    from .clinic.reanalysis import at_clinic, in_folder, in_records
    from .clinic.server import Server
    from .photograph import check_scale, find_photographs

    if store is not None:
        yield from in_records(store, threshold_um)
    elif settings is not None and query is not None:
        with Server(settings, datetime.now(UTC)) as server:
            yield from at_clinic(server, dict(parse_qsl(query)), threshold_um or THRESHOLD_UM)
    else:
        yield from in_folder(find_photographs(photographs), check_scale(scale_um), threshold_um or THRESHOLD_UM)


def _shown_rows(todo: list[Picture], way: Way, scheduler: str | None) -> Iterable[Row]:
    from .clinic.reanalysis import measured

    rows: Iterable[Row] = (measured(picture, way) for picture in todo)
    if scheduler is not None:
        try:
            from .clinic.cluster import measured_by
        except ImportError as error:
            raise SchedulerUnavailable(f"{error}.") from error
        rows = measured_by(scheduler, todo, way)
    return track(
        rows, "Measuring", total=len(todo), console=diagnostics, transient=True, disable=not diagnostics.is_terminal
    )


def _revise(store: Store, results: Results, settings: ClinicSettings) -> int:
    """Build the next revision of every report whose figures are no longer those of its capture."""
    from . import __version__
    from .clinic.building import build_revision
    from .clinic.objects import Device
    from .clinic.reanalysis import name_of
    from .records.outbox import Outbox

    outbox, device, built = Outbox(store), Device(settings.device_serial, settings.institution), 0
    rows = {row["image"]: row for row in results.rows() if "error" not in row and row["quality"]["usable"]}
    for listed in store.captures():
        row = rows.get(name_of(listed.sequence))
        if row is not None and not listed.set_aside:
            kept = store.capture(listed.sequence)
            model = results.model
            capture = replace(
                kept.capture,
                reading=row, reasons=(), threshold_um=row["threshold_um"], firmware_version=__version__,
                model_name=model["name"], model_sha256=model["sha256"],
            )  # fmt: skip
            built += build_revision(outbox, device, kept, replace(kept, capture=capture)) is not None
    return built


def _sync(store: Store, settings: ClinicSettings, clock: SystemClock, *, shown: bool) -> Summary:
    """Worklist, building, sending, clearing away; what fails is in the summary, unless it is the records themselves."""
    from .clinic.sending import Summary, send_all
    from .clinic.server import Server
    from .records.outbox import Outbox

    if not settings.device_serial:
        raise ClinicNotSet("clinic.device_serial is empty.")
    outbox, summary = Outbox(store), Summary()
    outbox.clear_leftovers()
    with _progress(shown) as progress:
        try:
            if settings.worklist is not None:
                _fetch_worklist(outbox, settings, clock.now())
        except TrichoscopeError as error:
            _keep_problem(summary, error)
        try:
            if outbox.unbuilt():
                _build(store, outbox, settings, summary, _counted(progress, "Building"))
            if outbox.entries("waiting", "sent", "conflict"):
                with Server(settings, datetime.now(UTC)) as server:
                    send_all(outbox, server, clock, summary, _counted(progress, "Sending"), _pause)
                    summary.waited_s = server.waited_s
        except TrichoscopeError as error:
            _keep_problem(summary, error)
    if clock.now().trusted:
        summary.removed = outbox.remove_received(clock.now(), settings.keep_days)
    return summary


def _build(store: Store, outbox: Outbox, settings: ClinicSettings, summary: Summary, progress: Any) -> None:
    from .clinic.building import build_all
    from .clinic.objects import Device

    device = Device(settings.device_serial, settings.institution)
    summary.built, problems = build_all(store, outbox, device, progress)
    summary.problems += problems


def _config(path: Path | None, data: Path | None = None) -> Config:
    from .config import load

    return load(path, {"records": {"folder": data}} if data else None)


def _records(folder: Path) -> Store:
    from .records import Store

    return Store(folder, SystemClock())


def _pause(seconds: float) -> None:
    time.sleep(seconds)


def _fetch_worklist(outbox: Outbox, settings: ClinicSettings, now: Instant) -> None:
    from .clinic.worklist import fetch

    outbox.set_worklist(fetch(settings, now.time), now)


def _keep_problem(summary: Summary, error: TrichoscopeError) -> None:
    if error.row.family != CLINIC_FAMILY:
        raise error
    summary.problems.append(error)


def _not_now(config: Config, now: Instant) -> str | None:
    """Why a nightly run would do harm or no good."""
    from .instrument.health import Health

    if not now.trusted:
        return "the clock is not trusted, so no certificate can be judged"
    health = Health(config.records.folder).read()
    percent = health.battery_percent
    if not health.on_mains and percent is not None and percent < LEAST_BATTERY_PERCENT:
        return f"on battery with {percent} %"
    return None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of sending; it goes with the process. Raises SyncRunning."""
    with (folder / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SyncRunning from error
        yield


def _progress(shown: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.completed:.0f}"))
    return Progress(*columns, console=diagnostics, transient=True, disable=not (shown and diagnostics.is_terminal))


def _counted(progress: Progress, doing: str) -> Any:
    task = progress.add_task(doing, total=None)

    def update(done: int, total: int) -> None:
        progress.update(task, completed=done, total=total)

    return update


def _show_plan(outbox: Outbox, as_json: bool) -> None:
    unbuilt, entries = outbox.unbuilt(), outbox.entries("waiting", "sent", "conflict")
    states = [entry.state for entry in entries]
    document = {
        "to_build": len(unbuilt),
        "to_send": len(unbuilt) + states.count("waiting"),
        "to_verify": states.count("sent"),
        "in_conflict": states.count("conflict"),
        "bytes_built": sum(entry.size for entry in entries),
    }
    if as_json:
        print_json({"format": 1, **document})
        return
    output.print(
        "{to_build} objects to build, {to_send} to send, {to_verify} sent and to verify, {in_conflict} in conflict. "
        "Nothing was sent.".format(**document)
    )


def _show_summary(summary: Summary, unsent: int, seconds: float, nightly: bool, as_json: bool) -> None:
    met: dict[str, int] = {}
    for problem in summary.problems:
        met[str(problem)] = met.get(str(problem), 0) + 1
    if nightly:
        codes = ",".join(sorted({problem.code for problem in summary.problems})) or "none"
        log.info(
            "built %d, received %d (%.1f MB), removed %d, captures left %d, problems %s, %.1f s",
            summary.built, summary.received, summary.received_bytes / 1e6, summary.removed, unsent, codes, seconds,
        )  # fmt: skip
        return
    if as_json:
        document = {
            "built": summary.built, "received": summary.received, "received_bytes": summary.received_bytes,
            "posts": summary.posts, "removed": summary.removed, "unsent": unsent, "seconds": round(seconds, 2),
            "waited_s": round(summary.waited_s, 2),
            "problems": [{"code": problem.code, "message": problem.message} for problem in summary.problems],
        }  # fmt: skip
        print_json({"format": 1, **document})
        return
    output.print(
        f"{summary.received} objects ({summary.received_bytes / 1e6:.1f} MB) are at the clinic and verified, "
        f"{_captures(unsent)} still to go, {_captures(summary.removed)} cleared away."
    )
    for words, times in met.items():
        diagnostics.print(Text(words if times == 1 else f"{words} ({times} times)", style="red"), soft_wrap=True)


def _captures(count: int) -> str:
    return f"{count} capture" if count == 1 else f"{count} captures"


def _when(starts_at: str) -> str:
    """20260301123000 as 2026-03-01 12:30; what is shorter, as it is."""
    if len(starts_at) < 12:
        return starts_at
    return f"{starts_at[:4]}-{starts_at[4:6]}-{starts_at[6:8]} {starts_at[8:10]}:{starts_at[10:12]}"
