"""The clinic's server as the tests drive it: by its own script, and by Orthanc's own interface for what it holds."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trichoscope.clinic.server import Server
from trichoscope.clinic.settings import ClinicSettings, Worklist

SCRIPT = Path(__file__).parents[2] / "scripts" / "clinic-server"


@dataclass(frozen=True)
class Clinic:
    folder: Path

    @classmethod
    @contextmanager
    def started(cls, folder: Path) -> Iterator[Clinic]:
        clinic = cls(folder)
        clinic.start()
        try:
            clinic.enrol("TS-0001")
            yield clinic
        finally:
            clinic.run("stop")

    def start(self, *within: str) -> None:
        """On free ports; `within` another program, such as unshare."""
        https, dicom, orthanc = _free_ports(3)
        ports = ("--port", https, "--dicom-port", dicom, "--orthanc-port", orthanc)
        command = [*within, sys.executable, str(SCRIPT), "start", "--data", str(self.folder), *map(str, ports)]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)

    def restart(self) -> None:
        """On the ports that it had."""
        self.run("start")

    def run(self, command: str, *arguments: object) -> str:
        said = subprocess.run(
            [sys.executable, SCRIPT, command, "--data", self.folder, *map(str, arguments)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert said.returncode == 0, said.stderr
        return said.stdout.strip()

    def enrol(self, name: str, days: int = 365) -> Path:
        """The folder of the device's certificate."""
        self.run("enrol", name, "--out", self.folder / name, "--days", days)
        return self.folder / name

    def settings(self, device: str = "TS-0001", **changes: Any) -> ClinicSettings:
        mine = self.folder / device
        values: dict[str, Any] = {
            "device_serial": device,
            "url": f"https://localhost:{self.ports['port']}/dicom-web",
            "ca": mine / "ca.crt",
            "certificate": mine / "device.crt",
            "key": mine / "device.key",
            "worklist": Worklist("localhost", self.ports["dicom_port"]),
        }
        return ClinicSettings(**(values | changes))

    def server(self, device: str = "TS-0001", **changes: Any) -> Server:
        return Server(self.settings(device, **changes), datetime.now(UTC), timeout_s=10)

    @property
    def ports(self) -> dict[str, int]:
        return dict(json.loads((self.folder / "settings.json").read_text()))

    # What Orthanc itself says

    def orthanc(self, path: str, method: str = "GET", body: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports['orthanc_port']}{path}", body, method=method)
        login = base64.b64encode(f"nginx:{self.ports['password']}".encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())

    def held(self) -> dict[str, list[str]]:
        """SOP Instance UID → SHA-256 of every instance under it."""
        found: dict[str, list[str]] = {}
        for instance in json.loads(self.orthanc("/instances?expand")):
            data = self.orthanc(f"/instances/{instance['ID']}/file")
            found.setdefault(instance["MainDicomTags"]["SOPInstanceUID"], []).append(hashlib.sha256(data).hexdigest())
        return found

    def delete(self, uid: str) -> None:
        """As a person would on Orthanc's page."""
        (identity,) = json.loads(self.orthanc("/tools/lookup", "POST", uid.encode()))
        self.orthanc(identity["Path"], "DELETE")

    def empty(self) -> None:
        for patient in json.loads(self.orthanc("/patients")):
            self.orthanc(f"/patients/{patient}", "DELETE")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
