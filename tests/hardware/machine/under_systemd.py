"""Runs in the emulated machine that was started with the installed instrument and its systemd: what do the units do?

    python3 /out/under_systemd.py

Needs nothing but Python, and header.py, scope.py and pins.toml beside it. Says `step: …` for what was found to be so,
and ends at the first thing that is not.
"""

from __future__ import annotations

import os
import pwd
import select
import signal
import subprocess
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import header  # type: ignore[import-not-found]  # beside this file, in the machine
import scope  # type: ignore[import-not-found]

SERVICE = "trichoscope.service"
PATIENCE_S = 120.0
LOOK_S = 1.0
"""From one look to the next: on this processor a look is work, and rest costs nothing."""
PINS = tomllib.loads(Path(__file__).with_name("pins.toml").read_text("utf-8"))["pin"]
BUTTON = next(pin["bcm"] for pin in PINS if pin["signal"] == "capture_button")
LINES_IN_USE = Path("/sys/kernel/debug/gpio")


def step(words: str) -> None:
    print(f"step: {words}", flush=True)


def shown(unit: str, name: str) -> str:
    done = subprocess.run(
        ["systemctl", "show", "--value", "-p", name, unit], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def wait_until(what: str, so: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not so():
        assert time.monotonic() < give_up, what
        time.sleep(LOOK_S)


def wait_for(what: str, unit: str, name: str, value: str) -> None:
    wait_until(what, lambda: shown(unit, name) == value)


def films() -> bool:
    """Whether a process of the instrument has the scope's node open."""
    group = Path("/sys/fs/cgroup") / shown(SERVICE, "ControlGroup").lstrip("/")
    try:
        open_files = [
            os.readlink(file)
            for pid in (group / "cgroup.procs").read_text().split()
            for file in Path(f"/proc/{pid}/fd").iterdir()
        ]
    except FileNotFoundError:  # closed, or ended, while it was looked at
        return False
    return f"/dev/{scope.VIVID}" in open_files


def in_use() -> int:
    """Lines of the header that somebody holds."""
    return LINES_IN_USE.read_text().count("\n gpio-")


def journal() -> str:
    return subprocess.run(
        ["journalctl", "--no-pager", "--output", "cat", "--unit", SERVICE], capture_output=True, text=True, check=True
    ).stdout


def status_of(pid: str) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, value in (line.split(":", 1) for line in lines if ":" in line)}


def main() -> None:
    header.pull(BUTTON, high=True)
    wait_for("it starts and says that it is ready", SERVICE, "ActiveState", "active")
    assert "cannot start" not in journal()
    step("the instrument is ready")
    scope.plug(scope.VIVID)
    # What stands for the bus is a mount, which a service that runs may not see.
    subprocess.run(["systemctl", "restart", SERVICE], check=True)
    pid = shown(SERVICE, "MainPID")
    status = status_of(pid)
    assert pwd.getpwuid(int(status["Uid"].split()[0])).pw_name == "trichoscope"
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    step("it has its own user, no capability, and a filter before the kernel")
    assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/1/ns/net")
    step("it has no network")
    wait_until("it opens the scope that is plugged in", films)
    step("it films with the scope that is plugged in")
    assert "a press" not in journal()
    header.bounce(BUTTON, times=1)
    wait_until("it hears its button", lambda: "a press without a live view is ignored" in journal())
    header.pull(BUTTON, high=True)
    step("it hears its button")
    database = Path("/var/lib/trichoscope/records.db")
    assert (database.owner(), database.group(), database.stat().st_mode & 0o777) == (
        "trichoscope",
        "trichoscope",
        0o660,
    )
    assert database.stat().st_size > 0
    for device, group in (("/dev/gpiochip0", "gpio"), ("/dev/video0", "video"), ("/dev/i2c-0", "i2c")):
        assert not Path(device).exists() or Path(device).group() == group, device
    step("records and devices belong to whom they should")

    hung = os.pidfd_open(int(pid))
    os.kill(int(pid), signal.SIGSTOP)
    assert select.select([hung], [], [], PATIENCE_S)[0], "the watchdog ends what hangs"
    wait_for("it is started again", SERVICE, "NRestarts", "1")
    wait_for("it is ready again", SERVICE, "ActiveState", "active")
    assert shown(SERVICE, "MainPID") != pid
    assert "Watchdog timeout" in journal()
    step("one that hangs is started again by the watchdog")

    subprocess.run(["systemctl", "start", "trichoscope-sync.service"], check=True)
    assert shown("trichoscope-sync.service", "ConditionResult") == "no"
    step("nothing is sent where no clinic was enrolled")
    assert shown("trichoscope-sync.timer", "ActiveState") == "active"
    assert in_use() > 0
    subprocess.run(["systemctl", "stop", SERVICE], check=True)
    assert shown(SERVICE, "Result") == "success"
    assert in_use() == 0
    step("stopped, it has let go of its lines")
    for protocol in ("tcp", "tcp6", "udp", "udp6"):
        assert Path(f"/proc/net/{protocol}").read_text().splitlines()[1:] == [], protocol
    step("nothing listens")


if __name__ == "__main__":
    try:
        main()
    except AssertionError:
        subprocess.run(["journalctl", "--no-pager", "--unit", SERVICE, "--lines", "40"], check=False)
        raise
