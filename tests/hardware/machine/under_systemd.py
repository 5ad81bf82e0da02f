"""Runs in the emulated machine that was started with the installed instrument and its systemd: what do the units do?

    python3 /out/under_systemd.py

Needs nothing but Python and scope.py beside it. Says `step: …` for what was found to be so, and ends at the first thing
that is not.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from pathlib import Path

import scope  # type: ignore[import-not-found]  # beside this file, in the machine

SERVICE = "trichoscope.service"
PATIENCE_S, STEADY_S = 120.0, 2.0
STATUS_LIGHT = next(Path("/sys/devices/platform/gpio-sim.0").glob("gpiochip*/sim_gpio27")) / "value"


def step(words: str) -> None:
    print(f"step: {words}", flush=True)


def shown(unit: str, name: str) -> str:
    done = subprocess.run(
        ["systemctl", "show", "--value", "-p", name, unit], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def wait_for(what: str, unit: str, name: str, *values: str) -> str:
    give_up = time.monotonic() + PATIENCE_S
    while (found := shown(unit, name)) not in values:
        assert time.monotonic() < give_up, f"{what}: {name} is {found}"
        time.sleep(0.2)
    return found


def status_of(pid: str) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, value in (line.split(":", 1) for line in lines if ":" in line)}


def main() -> None:
    wait_for("it starts and says that it is ready", SERVICE, "ActiveState", "active")
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
    since = give_up = time.monotonic()
    while time.monotonic() - since < STEADY_S:
        assert time.monotonic() < give_up + PATIENCE_S, "the light is not steady: a fault"
        if STATUS_LIGHT.read_text().strip() != "1":
            since = time.monotonic()
        time.sleep(0.02)
    step("a scope is plugged in, and its light says ready")
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

    os.kill(int(pid), 19)  # SIGSTOP: it hangs
    wait_for("the watchdog ends what hangs, and starts it again", SERVICE, "NRestarts", "1")
    wait_for("it is ready again", SERVICE, "ActiveState", "active")
    assert shown(SERVICE, "MainPID") != pid
    step("one that hangs is started again by the watchdog")

    subprocess.run(["systemctl", "start", "trichoscope-sync.service"], check=True)
    assert shown("trichoscope-sync.service", "ConditionResult") == "no"
    step("nothing is sent where no clinic was enrolled")
    assert shown("trichoscope-sync.timer", "ActiveState") == "active"
    subprocess.run(["systemctl", "stop", SERVICE], check=True)
    assert shown(SERVICE, "Result") == "success"
    assert STATUS_LIGHT.read_text().strip() == "0"
    step("stopped, it is dark")
    for protocol in ("tcp", "tcp6", "udp", "udp6"):
        assert Path(f"/proc/net/{protocol}").read_text().splitlines()[1:] == [], protocol
    step("nothing listens")


if __name__ == "__main__":
    try:
        main()
    except AssertionError:
        subprocess.run(["journalctl", "--no-pager", "--unit", SERVICE, "--lines", "40"], check=False)
        raise
