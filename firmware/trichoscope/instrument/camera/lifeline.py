"""No process outlives the one that started it, also not one that hangs in a call while its parent is killed."""

from __future__ import annotations

import fcntl
import os
import select
import signal

_ENDED = 1


def die_with_parent(lifeline: int) -> None:
    """Have the kernel end this process when the other end of the pipe `lifeline` is closed, by whatever end.

    SIGIO's default action ends a process without its doing: a thread of Python could not run while a driver holds the
    interpreter's lock in a call that hangs. PR_SET_PDEATHSIG would end it with the parent's *thread*.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:  # it was closed before
        os._exit(_ENDED)
