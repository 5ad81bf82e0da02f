"""Runs in the emulated machine after each start: is everything there that was acknowledged? Then it goes on saving.

    python -m tests.hardware.machine.after_boot FOLDER ACKNOWLEDGED FLAW

Lines: `missing N` for each acknowledged press that is not there byte for byte, `problem …` for what the records say of
themselves, `checked N`, then those of tests.faults.writer.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.faults import writer
from trichoscope.records import Store


def main(folder: str, acknowledged: str, flaw: str) -> None:
    said = Path(acknowledged).read_text().splitlines()
    wanted = {int(number): sha256 for number, sha256 in map(str.split, said)}
    with Store(Path(folder), writer.FixedClock(), create=True) as store:
        kept = {int(each.capture.patient.removeprefix("press ")): each for each in store.captures()}
        for number, sha256 in wanted.items():
            if number not in kept or kept[number].photograph_sha256 != sha256:
                writer.say(f"missing {number}")
        for problem in store.check():
            writer.say(f"problem {problem}")
        for each in kept.values():
            store.photograph(each)  # raises where the bytes are not those that were saved
    writer.say(f"checked {len(wanted)}")
    # The log is moved into the database every few pages, so that this is disturbed too; a flaw has time to show.
    pages = "8" if flaw == "none" else "1000"
    writer.main(folder, str(max([*wanted, *kept], default=0) + 1), "1000000", pages, flaw)


if __name__ == "__main__":
    main(*sys.argv[1:])
