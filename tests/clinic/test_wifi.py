"""The clinic's Wi-Fi: from a code or a file to a profile that only root reads."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import zxingcpp

from trichoscope.clinic.wifi import Profile, from_code, from_file
from trichoscope.errors import WifiCodeInvalid

KEYFILE = """[connection]
id=Clinic with users
type=wifi
[wifi]
ssid=clinic
[802-1x]
eap=tls;
"""


def read(profile: Profile) -> ConfigParser:
    parser = ConfigParser(interpolation=None, delimiters=("=",))
    parser.read_string(profile.text)
    return parser


def ssid(profile: Profile) -> str:
    return bytes(int(byte) for byte in read(profile)["wifi"]["ssid"].split(";") if byte).decode()


def test_a_code_becomes_a_profile() -> None:
    profile = from_code(r"WIFI:T:WPA;S:Praxis Dr\; Müller;P:pass\\word\;1;H:true;;")
    assert ssid(profile) == profile.name == "Praxis Dr; Müller"
    assert read(profile)["wifi-security"]["key-mgmt"] == "wpa-psk"
    assert read(profile)["wifi-security"]["psk"] == r"pass\\word;1"  # as GKeyFile writes a backslash
    assert read(profile)["wifi"]["hidden"] == "true"


@pytest.mark.parametrize(
    ("code", "management"),
    [
        ("WIFI:S:clinic;T:SAE;P:12345678;;", "sae"),
        ("WIFI:S:clinic;T:WPA2;P:12345678;;", "wpa-psk"),
        ("WIFI:S:guests;T:nopass;;", None),
        ("WIFI:S:guests;;", None),
    ],
)
def test_each_kind_of_security(code: str, management: str | None) -> None:
    parser = read(from_code(code))
    found = parser["wifi-security"]["key-mgmt"] if parser.has_section("wifi-security") else None
    assert found == management


@pytest.mark.parametrize(
    "code",
    [
        "", "P-000042", "WIFI:", "WIFI:T:WPA;P:12345678;;", "WIFI:S:clinic;T:WPA;P:short;;",
        "WIFI:S:clinic;T:WEP;P:12345678;;", f"WIFI:S:{'x' * 33};;", "WIFI:S:clinic;T:WPA;P:12345678\n[vpn]\n;;",
    ],
)  # fmt: skip
def test_what_is_no_code_is_refused(code: str) -> None:
    with pytest.raises(WifiCodeInvalid):
        from_code(code)


def test_the_same_wifi_is_the_same_profile() -> None:
    first, second = (from_code(f"WIFI:S:clinic;T:WPA;P:{word};;") for word in ("password1", "password2"))
    assert first.file_name == second.file_name


def test_a_keyfile_is_taken_as_it_is_where_it_is_of_a_wifi() -> None:
    assert from_file(KEYFILE).text == KEYFILE
    for wrong in (KEYFILE.replace("type=wifi", "type=vpn"), KEYFILE + "[vpn]\na=b\n", "hello", "[connection]\nid=x\n"):
        with pytest.raises(WifiCodeInvalid):
            from_file(wrong)


def code_picture(text: str) -> bytes:
    drawn = np.array(
        zxingcpp.write_barcode_to_image(zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode), scale=6)
    )
    picture = np.full((480, 640), 200, np.uint8)
    picture[60 : 60 + drawn.shape[0], 60 : 60 + drawn.shape[1]] = drawn
    return cv2.imencode(".jpg", picture)[1].tobytes()


def test_a_picture_of_the_code_is_enough(trichoscope: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "code.jpg").write_bytes(code_picture("WIFI:T:WPA;S:clinic;P:secret-word;;"))
    done = trichoscope("wifi", tmp_path / "code.jpg", "--profiles", tmp_path, "--remove")
    assert done.exit_code == 0
    assert "secret-word" not in done.stdout + done.stderr
    (profile,) = tmp_path.glob("*.nmconnection")
    assert "psk=secret-word" in profile.read_text()
    assert profile.stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "code.jpg").exists()


def test_a_picture_without_a_code_is_told_apart(trichoscope: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "code.jpg").write_bytes(cv2.imencode(".jpg", np.full((480, 640), 200, np.uint8))[1].tobytes())
    assert "E520" in trichoscope("wifi", tmp_path / "code.jpg", "--profiles", tmp_path).stderr
    assert "E520" in trichoscope("wifi", tmp_path / "missing", "--profiles", tmp_path).stderr


@pytest.mark.skipif(shutil.which("nmcli") is None, reason="NetworkManager is not installed")
def test_networkmanager_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "x.nmconnection"
    path.write_text(from_code("WIFI:T:WPA;S:clinic;P:secret-word;;").text)
    done = subprocess.run(["nmcli", "--offline", "connection", "modify", "connection.autoconnect", "yes"],
                          stdin=path.open(), capture_output=True, text=True, check=True)  # fmt: skip
    assert "secret-word" in done.stdout
