"""Updates: which slot starts, what the self-test decides, and that a bundle that was touched is refused."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGE = ROOT / "image"


class Firmware:
    """The Raspberry Pi's boot partition, and what its firmware makes of autoboot.txt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "autoboot.txt").write_text("[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n")

    def rauc(self, *arguments: str) -> str:
        environment = os.environ | {"BOOTFS": str(self.folder)}
        return subprocess.run(
            [IMAGE / "files/boot-slot", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()

    def start(self, *, tryboot: bool = False) -> str:
        """The slot that starts: the last matching section wins, as the firmware reads it."""
        parser = configparser.ConfigParser()
        parser.read(self.folder / "autoboot.txt")
        return {"2": "A", "3": "B"}[parser["tryboot" if tryboot else "all"]["boot_partition"]]


@pytest.fixture
def firmware(tmp_path: Path) -> Firmware:
    return Firmware(tmp_path)


def test_a_new_slot_is_tried_once_and_kept_when_it_is_good(firmware: Firmware) -> None:
    assert firmware.rauc("get-primary") == "A"
    firmware.rauc("set-primary", "B")
    assert firmware.rauc("get-primary") == "B"
    assert (firmware.folder / "trying").exists(), "trichoscope-good.service waits for this"
    assert firmware.start() == "A", "a power cut now takes the old slot"
    assert firmware.start(tryboot=True) == "B"
    firmware.rauc("set-state", "B", "good")
    assert firmware.start() == "B"
    assert firmware.start(tryboot=True) == "A"
    assert not (firmware.folder / "trying").exists()


def test_a_slot_that_is_not_good_is_left_for_the_old_one(firmware: Firmware) -> None:
    firmware.rauc("set-primary", "B")
    firmware.rauc("set-state", "B", "bad")
    assert firmware.rauc("get-state", "B") == "bad"
    assert firmware.rauc("get-primary") == "A"
    assert firmware.start() == "A"
    firmware.rauc("set-primary", "B")  # repaired, and written again
    firmware.rauc("set-state", "B", "good")
    assert firmware.rauc("get-state", "B") == "good"
    assert firmware.start() == "B"


def test_and_back_again(firmware: Firmware) -> None:
    for slot in ("B", "A", "B"):
        firmware.rauc("set-primary", slot)
        firmware.rauc("set-state", slot, "good")
        assert firmware.start() == slot


def test_a_slot_that_does_not_exist_changes_nothing(firmware: Firmware) -> None:
    before = (firmware.folder / "autoboot.txt").read_bytes()
    for command in (("set-primary", "C"), ("set-state", "C", "good"), ("nonsense",)):
        with pytest.raises(subprocess.CalledProcessError):
            firmware.rauc(*command)
    assert (firmware.folder / "autoboot.txt").read_bytes() == before
    assert sorted(path.name for path in firmware.folder.iterdir()) == ["autoboot.txt"]


@pytest.mark.parametrize(("well", "verdict"), [(True, ["rauc status mark-good"]),
                                               (False, ["rauc status mark-bad", "systemctl reboot"])])  # fmt: skip
def test_the_self_test_decides(well: bool, verdict: list[str], tmp_path: Path) -> None:
    """Over tools that only note how they were called."""
    said = tmp_path / "said"
    for tool in ("rauc", "systemctl"):
        (tmp_path / tool).write_text(f'#!/bin/sh\necho {tool} "$@" >>{said}\n')
    (tmp_path / "runuser").write_text(
        f'#!/bin/sh\n[ "$*" = "-u trichoscope -- trichoscope selftest" ] && exit {int(not well)}\nexit 9\n'
    )
    for tool in ("rauc", "systemctl", "runuser"):
        (tmp_path / tool).chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run([IMAGE / "files/judge-slot"], env=environment, check=True, timeout=10)
    assert said.read_text().splitlines() == verdict


def test_what_the_configuration_names_is_there() -> None:
    layer = (IMAGE / "layer/trichoscope.yaml").read_text("utf-8")
    for name in re.findall(r"source/image/(files/[\w.-]+)", layer):
        assert (IMAGE / name).exists(), name
    for device in ("pi4", "pi5"):
        config = (IMAGE / f"config/trichoscope-{device}.yaml").read_text("utf-8")
        assert f"layer: r{device}" in config
        assert "app: trichoscope" in config
    shared = (IMAGE / "files/slot-shared.conf").read_text()
    assert "Path=/var/lib/trichoscope" in shared, "/var is each slot's own: records would stay behind"
    rauc = configparser.ConfigParser()
    rauc.read_string((IMAGE / "files/rauc-system.conf").read_text("utf-8"))
    assert {rauc[f"slot.rootfs.{i}"]["bootname"] for i in (0, 1)} == {"A", "B"}


needs_rauc = pytest.mark.skipif(
    not all(map(shutil.which, ("rauc", "mksquashfs", "openssl"))), reason="rauc, mksquashfs or openssl is not here"
)


def image(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts/image", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `update.raucb`, and the keys `mine/` and `another/`."""
    folder = tmp_path_factory.mktemp("update")
    for name in ("mine", "another"):
        assert image("keys", folder / name).returncode == 0
    (folder / "boot").write_bytes(os.urandom(100_000))
    (folder / "system").write_bytes(os.urandom(300_000))
    made = image("bundle", "pi5", folder / "boot", folder / "system", folder / "mine/key.pem", folder / "mine/cert.pem",
                 folder / "update.raucb")  # fmt: skip
    assert made.returncode == 0, made.stderr
    return folder


@needs_rauc
def test_a_signed_bundle_is_accepted(signed: Path) -> None:
    verified = image("verify", signed / "update.raucb", signed / "mine/cert.pem")
    assert verified.returncode == 0, verified.stderr
    assert "trichoscope-pi5" in verified.stdout


@needs_rauc
def test_a_bundle_of_another_key_is_refused(signed: Path) -> None:
    refused = image("verify", signed / "update.raucb", signed / "another/cert.pem")
    assert refused.returncode == 1
    assert "is refused" in refused.stderr


@needs_rauc
@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9, 0.995])
def test_a_bundle_with_one_changed_bit_is_refused(signed: Path, part: float, tmp_path: Path) -> None:
    """In the content, in the hash tree, in the signature."""
    content = bytearray((signed / "update.raucb").read_bytes())
    content[int(part * len(content))] ^= 1
    (tmp_path / "changed.raucb").write_bytes(content)
    assert image("verify", tmp_path / "changed.raucb", signed / "mine/cert.pem").returncode == 1


@needs_rauc
def test_a_bundle_that_ends_early_is_refused(signed: Path, tmp_path: Path) -> None:
    content = (signed / "update.raucb").read_bytes()
    (tmp_path / "short.raucb").write_bytes(content[: len(content) // 2])
    assert image("verify", tmp_path / "short.raucb", signed / "mine/cert.pem").returncode == 1


def test_an_image_needs_the_tool_that_builds_it(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").touch()
    refused = image("build", "pi5", tmp_path / "cert.pem")
    assert refused.returncode == 1
    assert "RPI_IMAGE_GEN" in refused.stderr
