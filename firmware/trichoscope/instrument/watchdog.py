"""Words to systemd: that the instrument is ready, and that its loop still turns. See sd_notify(3)."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> None:
    """Send `READY=1`, `WATCHDOG=1` or `STOPPING=1`; nobody listens where systemd did not start the program.

    A word that is not delivered is not an error: a watchdog that hears nothing starts the program again.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as there:
        try:
            # without waiting: the instrument does not stand still because nobody reads
            there.sendto(state.encode(), socket.MSG_DONTWAIT, address.replace("@", "\0", 1))
        except OSError:
            return
