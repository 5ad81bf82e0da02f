"""Photographs measured by the workers of an existing Dask cluster. Needs the extra `cluster`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from distributed import Client, as_completed

from ..errors import SchedulerUnavailable
from .reanalysis import Picture, Row, Way, measured

AHEAD = 4
"""Photographs given out for each thread of a worker: enough that none waits, few enough that none is forgotten."""
TIMEOUT_S = 15


def measured_by(address: str, pictures: Iterable[Picture], way: Way) -> Iterator[Row]:
    """Rows in the order in which they are ready. Raises SchedulerUnavailable."""
    try:
        client = Client(address, timeout=TIMEOUT_S)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise SchedulerUnavailable(f"{address}: {error}.") from error
    with client:
        threads = max(1, sum(client.ncores().values()))  # type: ignore[no-untyped-call]
        waiting = iter(pictures)
        given = as_completed()  # type: ignore[no-untyped-call]
        for picture in islice(waiting, AHEAD * threads):
            given.add(client.submit(measured, picture, way, pure=False))  # type: ignore[no-untyped-call]
        for future in given:
            yield future.result()
            for picture in islice(waiting, 1):
                given.add(client.submit(measured, picture, way, pure=False))  # type: ignore[no-untyped-call]
