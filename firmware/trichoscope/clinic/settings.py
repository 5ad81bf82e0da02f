"""What a clinic's engineer sets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Worklist:
    """The clinic's worklist, asked by DICOM over TLS with the device's certificate."""

    host: str
    port: int = 2762
    """2762 is the port that DICOM registered for TLS."""
    ae_title: str = "WORKLIST"


@dataclass(frozen=True)
class ClinicSettings:
    """The clinic's server and what this device is to it. Secrets are paths to files."""

    device_serial: str
    """Names the device in every object. Every UID is derived from it: two devices never share one."""
    url: str = ""
    """Root of the server's DICOMweb, such as https://archive.example:8443/dicom-web; empty where there is none."""
    ca: Path = Path("/etc/trichoscope/clinic/ca.crt")
    """The authority that signed the server's certificate: the only one that is trusted."""
    certificate: Path = Path("/etc/trichoscope/clinic/device.crt")
    key: Path = Path("/etc/trichoscope/clinic/device.key")
    institution: str = ""
    ae_title: str = "TRICHOSCOPE"
    worklist: Worklist | None = None
    keep_days: int = 30
    """Photographs stay on the device this long after the clinic has them."""
