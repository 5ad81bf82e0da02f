"""The commands for what was kept: list, show, export, erase."""

from __future__ import annotations

import csv
import getpass
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from .cli_options import AsJson
from .clock import SystemClock
from .errors import CaptureUnknown
from .outputs import check_folder, print_json, write
from .records import FIGURES, Kept, Store, figures

app = typer.Typer()
output = Console()
diagnostics = Console(stderr=True)

Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="The folder of the records.")]


@app.command(name="list", epilog="Example: trichoscope list --data visits --json")
def list_(data: Data, as_json: AsJson = False) -> None:
    """List every capture in the order it was taken."""
    with _open(data) as store:
        captures = store.captures()
    if as_json:
        print_json({"format": 1, "captures": [_document(kept) for kept in captures]})
        return
    table = Table("No.", "Taken", "Patient", "Site", "Density /cm² (95 %)", "Hairs", "Remark")
    for kept in captures:
        shown = figures(kept.capture.reading)
        remarks = ("set aside",) if kept.set_aside else kept.capture.reasons
        table.add_row(
            str(kept.sequence),
            Text(_when(kept)),
            Text(kept.capture.patient),
            Text(kept.capture.site),
            _density(shown),
            _shown(shown["hairs"]),
            Text("; ".join(remarks)),
        )
    output.print(table)


@app.command(epilog="Example: trichoscope show 17 --data visits")
def show(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="As `list` shows it.")],
    data: Data,
    as_json: AsJson = False,
) -> None:
    """Show one capture with everything that was kept of it."""
    with _open(data) as store:
        kept = store.capture(number)
    if as_json:
        print_json({"format": 1, "captures": [_document(kept)]})
        return
    capture = kept.capture
    table = Table(show_header=False, box=None)
    for name, value in (
        ("Capture", f"{kept.sequence} ({kept.id})"),
        ("Taken", _when(kept)),
        ("Patient", capture.patient),
        ("Site", capture.site),
        ("Operator", capture.operator),
        ("Light", capture.light or "–"),
        ("Visit", capture.study_uid or "–"),
        *([("Remark", "set aside: taken again")] if kept.set_aside else []),
        *((name, _shown(value)) for name, value in figures(capture.reading).items()),
        *(("No reading", reason) for reason in capture.reasons),
        *(("Warning", warning) for warning in (capture.reading or {}).get("warnings", ())),
        ("Threshold", f"{capture.threshold_um:g} µm"),
        ("Scale", "–" if capture.um_per_px is None else f"{capture.um_per_px:g} µm/px"),
        ("Calibration", capture.calibration_id or "none"),
        ("Model", f"{capture.model_name} {capture.model_sha256[:12]}"),
        ("Firmware", capture.firmware_version),
        ("Throttling bits", "–" if capture.throttling is None else f"{capture.throttling:#x}"),
        ("Photograph", f"{kept.photograph_bytes} bytes, SHA-256 {kept.photograph_sha256}"),
    ):
        table.add_row(name, Text(value))
    output.print(table)


@app.command(epilog="Example: trichoscope export takeout --data visits --patient P-0042")
def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files go; made where it is missing.")],
    data: Data,
    patient: Annotated[str | None, typer.Option(metavar="CODE", help="Only the captures of this patient.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write captures.csv, captures.json, and every photograph, with its hairs drawn in beside it."""
    with _open(data) as store:
        chosen = [kept.sequence for kept in store.captures(patient)]
        if not chosen:
            raise CaptureUnknown
        check_folder(directory)
        store.note("exported", {"captures": chosen}, by=_person())
        documents, files = [], ["captures.csv", "captures.json"]
        for sequence in track(
            chosen, "Exporting", console=diagnostics, transient=True, disable=not diagnostics.is_terminal
        ):
            kept = store.capture(sequence)
            documents.append(_document(kept))
            for name, content in _pictures(store, kept).items():
                write(directory / name, content)
                files.append(name)
    write(directory / "captures.csv", _as_csv(documents).encode())
    write(directory / "captures.json", json.dumps({"format": 1, "captures": documents}, allow_nan=False).encode())
    if as_json:
        print_json({"format": 1, "directory": str(directory), "captures": chosen, "files": files})
    else:
        output.print(Text(f"{len(chosen)} captures, {len(files)} files in {directory}."))


@app.command(epilog="Example: trichoscope erase P-0042 --data visits")
def erase(
    patient: Annotated[str, typer.Argument(metavar="CODE", help="The patient's code.")],
    data: Data,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a patient: photographs and readings, sent or not. It cannot be undone.

    The files of the database are then searched for what was erased. The audit keeps the numbers of the captures.
    """
    with _open(data) as store:
        if not yes:
            count = len(store.captures(patient))
            typer.confirm(f"Erase {count} captures of {patient} for ever?", abort=True, err=True)
        erasure = store.erase(patient, by=_person())
    if as_json:
        print_json({"format": 1, "erased": erasure.captures, "proved": True})
    elif erasure.captures:
        output.print(f"{len(erasure.captures)} captures erased; nothing of them is left in the files of the records.")
    if not erasure.captures:  # searched all the same: an erasure that was interrupted is finished by the next
        raise CaptureUnknown(f"Nothing is kept of {patient}.")


def _open(folder: Path) -> Store:
    return Store(folder, SystemClock())


def _person() -> str:
    """Who sits at the keyboard, for the audit."""
    return f"user {getpass.getuser()}"


def _document(kept: Kept) -> dict[str, Any]:
    capture = kept.capture
    return {
        "sequence": kept.sequence,
        "id": kept.id,
        "patient": capture.patient,
        "site": capture.site,
        "operator": capture.operator,
        "taken_at": capture.taken_at.isoformat(),
        "clock_trusted": capture.clock_trusted,
        "threshold_um": capture.threshold_um,
        "scale_um_per_px": capture.um_per_px,
        "calibration": capture.calibration_id,
        "model": {"name": capture.model_name, "sha256": capture.model_sha256},
        "firmware": capture.firmware_version,
        "throttling": capture.throttling,
        "photograph": {"sha256": kept.photograph_sha256, "bytes": kept.photograph_bytes},
        "reading": capture.reading,
        "reasons": list(capture.reasons),
        "light": capture.light,
        "study_uid": capture.study_uid,
        "accession_number": capture.accession_number,
        "set_aside": kept.set_aside,
    }


def _pictures(store: Store, kept: Kept) -> dict[str, bytes]:
    """File name → content: the photograph as it was saved and, where there is a reading, with its hairs drawn in."""
    import cv2

    from .measurement.overlay import draw
    from .measurement.reading import from_contract
    from .photograph import OVERLAY_ENDING, decode_photograph

    capture, photograph = kept.capture, store.photograph(kept)
    pictures = {f"{kept.sequence:06d}.jpg": photograph}
    if capture.reading is not None:
        reading = from_contract(
            capture.reading,
            model_name=capture.model_name,
            model_sha256=capture.model_sha256,
            firmware_version=capture.firmware_version,
        )
        drawn = draw(decode_photograph(photograph, reading.scale_um_per_px), reading)
        pictures[f"{kept.sequence:06d}{OVERLAY_ENDING}"] = cv2.imencode(".png", drawn[..., ::-1])[1].tobytes()
    return pictures


def _as_csv(documents: Sequence[Mapping[str, Any]]) -> str:
    plain = ("sequence", "patient", "site", "operator", "taken_at", "clock_trusted", "light", "study_uid", "set_aside",
             "threshold_um", "scale_um_per_px")  # fmt: skip
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow((*plain, *FIGURES, "reasons"))
    for document in documents:
        values = figures(document["reading"]).values()
        rows.writerow((*(document[name] for name in plain), *values, "; ".join(document["reasons"])))
    return text.getvalue()


def _density(shown: Mapping[str, float | None]) -> str:
    value, low, high = (shown[f"density_{part}per_cm2"] for part in ("", "low_", "high_"))
    return "–" if value is None else f"{value:.0f} ({low:.0f}–{high:.0f})"


def _when(kept: Kept) -> str:
    taken = kept.capture.taken_at.strftime("%Y-%m-%d %H:%M %z")
    return taken if kept.capture.clock_trusted else f"{taken} (clock not trusted)"


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"
