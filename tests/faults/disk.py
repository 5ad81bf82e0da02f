"""A disk that keeps only what was synced.

Played from a trace of system calls. A write, a truncation, a new name, a rename or a removal is at first pending. fsync
of a file makes its content last, fsync of a folder the names in it, and nothing else does: stricter than ext4. When the
power goes, every pending change is dropped, done, or (a write) done for some of its sectors, each by chance, so that
later changes may last where earlier ones do not.
"""

from __future__ import annotations

import random
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

CALLS = ("openat", "write", "pwrite64", "fsync", "fdatasync", "rename", "unlink", "ftruncate", "lseek", "close")
SECTOR = 512

_LINE = re.compile(r"^(\w+)\((.*)\)\s+= (-?\d+)")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass(frozen=True)
class Step:
    """One call that succeeded: its name, its numbers and strings, what it returned."""

    call: str
    arguments: tuple[str, ...]
    result: int
    strings: tuple[bytes, ...]


@dataclass(frozen=True)
class Write:
    offset: int
    data: bytes


@dataclass(frozen=True)
class Cut:
    length: int


@dataclass(eq=False)
class File:
    lasting: bytes = b""
    pending: list[Write | Cut] = field(default_factory=list)

    def sync(self) -> None:
        self.lasting, self.pending = apply(self.lasting, self.pending), []


def apply(content: bytes, changes: list[Write | Cut]) -> bytes:
    data = bytearray(content)
    for change in changes:
        if isinstance(change, Cut):
            data = data[: change.length].ljust(change.length, b"\0")
        else:
            data = data.ljust(change.offset, b"\0")  # a hole reads as zeros
            data[change.offset : change.offset + len(change.data)] = change.data
    return bytes(data)


def steps(trace: Path, folder: Path) -> list[Step]:
    """The calls of a trace made with `strace -xx`, with paths as they are below the folder."""
    found = []
    for line in trace.read_text().splitlines():
        match = _LINE.match(line)
        if match is None or int(match[3]) < 0:
            continue
        strings = tuple(bytes.fromhex(text.replace("\\x", "")) for text in _STRING.findall(match[2]))
        assert '"...' not in match[2], "strace shortened a string"
        arguments = tuple(part.strip() for part in _STRING.sub("", match[2]).split(","))
        inside = tuple(text.removeprefix(bytes(folder) + b"/") if text != bytes(folder) else b"." for text in strings)
        found.append(Step(match[1], arguments, int(match[3]), inside))
    return found


@dataclass
class Disk:
    """Files below one folder, and what the program that uses them said on its standard output."""

    lasting: dict[str, File]
    folders: set[str]
    names: dict[str, File]
    """As the running program sees them."""
    pending: list[tuple[str, File | None]] = field(default_factory=list)
    """Changes of names: a name and its new file, None where it was removed."""
    open_files: dict[int, tuple[str, File | None, int]] = field(default_factory=dict)
    """Descriptor → name, file (None for a folder), offset."""
    said: list[str] = field(default_factory=list)
    played: int = 0

    @classmethod
    def of(cls, folder: Path) -> Disk:
        paths = sorted(folder.rglob("*"))
        files = {str(path.relative_to(folder)): File(path.read_bytes()) for path in paths if path.is_file()}
        folders = {".", *(str(path.relative_to(folder)) for path in paths if path.is_dir())}
        return cls(dict(files), folders, dict(files))

    def play(self, step: Step) -> None:
        self.played += 1
        names = [text.decode(errors="replace") for text in step.strings]
        if step.call == "openat":
            self._open(names[0], step.arguments[2], step.result)
        elif step.call == "rename":
            file = self.names.pop(names[0])
            self.names[names[1]] = file
            self.pending += [(names[0], None), (names[1], file)]
        elif step.call == "unlink":
            if self.names.pop(names[0], None):
                self.pending.append((names[0], None))
        elif step.call == "write" and step.arguments[0] == "1":
            self.said += names[0].splitlines()
        else:
            self._use(step)

    def _open(self, name: str, flags: str, descriptor: int) -> None:
        if name in self.folders:
            self.open_files[descriptor] = (name, None, 0)
            return
        if name.startswith("/"):
            return  # outside the records
        if name not in self.names:
            self.names[name] = File()
            self.pending.append((name, self.names[name]))
        file = self.names[name]
        if "O_TRUNC" in flags:
            file.pending.append(Cut(0))
        self.open_files[descriptor] = (name, file, 0)

    def _use(self, step: Step) -> None:
        descriptor = int(step.arguments[0])
        if descriptor not in self.open_files:
            return
        name, file, offset = self.open_files[descriptor]
        if step.call == "close":
            del self.open_files[descriptor]
        elif step.call in ("fsync", "fdatasync"):
            if file is None:
                self._sync_folder(name)
            else:
                file.sync()
        elif file is None:
            return
        elif step.call == "ftruncate":
            file.pending.append(Cut(int(step.arguments[1])))
        elif step.call == "lseek":
            self.open_files[descriptor] = (name, file, step.result)
        else:
            at = int(step.arguments[-1]) if step.call == "pwrite64" else offset
            data = step.strings[0][: step.result]
            file.pending.append(Write(at, data))
            if step.call == "write":
                self.open_files[descriptor] = (name, file, offset + len(data))

    def _sync_folder(self, folder: str) -> None:
        inside = [change for change in self.pending if str(Path(change[0]).parent) == folder]
        self.pending = [change for change in self.pending if str(Path(change[0]).parent) != folder]
        self._rename(self.lasting, inside)

    @staticmethod
    def _rename(names: dict[str, File], changes: list[tuple[str, File | None]]) -> None:
        for name, file in changes:
            if file is None:
                names.pop(name, None)
            else:
                names[name] = file

    @property
    def at_stake(self) -> bool:
        """Whether a power cut could take something away, beside the shared memory that SQLite makes anew anyway."""
        return bool(self.pending) or any(file.pending for name, file in self.names.items() if not name.endswith("-shm"))

    def lose_power(self, image: Path, rng: random.Random) -> None:
        """Write what is left into a folder."""
        shutil.rmtree(image, ignore_errors=True)
        names = dict(self.lasting)
        chance = rng.choice((0.0, 0.5, 0.9))
        self._rename(names, [change for change in self.pending if rng.random() < chance])
        for folder in sorted(self.folders):
            (image / folder).mkdir(exist_ok=True)
        for name, file in names.items():
            left = [part for change in file.pending for part in self._some_of(change, chance, rng)]
            (image / name).write_bytes(apply(file.lasting, left))

    @staticmethod
    def _some_of(change: Write | Cut, chance: float, rng: random.Random) -> list[Write | Cut]:
        if isinstance(change, Cut) or rng.random() < 0.7:
            return [change] if rng.random() < chance else []
        sectors = range(0, len(change.data), SECTOR)
        return [Write(change.offset + at, change.data[at : at + SECTOR]) for at in sectors if rng.random() < chance]
