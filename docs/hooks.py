"""What the site takes from the repository while it is built: table of errors, decisions, links that leave it."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
ROOT = DOCS.parent
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s#:]+)\)")
FAMILIES = {
    1: "Camera", 2: "Picture", 3: "Model", 4: "Storage", 5: "Clinic", 6: "Calibration", 7: "Power, heat, clock",
    8: "Update", 9: "Configuration",
}  # fmt: skip
ACTIONS = {
    "retry": "try again",
    "reopen": "the instrument opens the device again",
    "restart": "start the instrument again",
    "service": "call service",
}


def error_table() -> str:
    """From `errors.TABLE`, a section for each family."""
    sys.path.insert(0, str(ROOT / "firmware"))
    from trichoscope.errors import TABLE  # noqa: PLC0415  the program is found only now

    lines: list[str] = []
    for family in sorted({row.family for row in TABLE}):
        lines += ["", f"## E{family}xx: {FAMILIES[family]}", "", "| | on the screen | for an engineer | what helps |"]
        lines += ["|---|---|---|---|"]
        for row in TABLE:
            if row.family == family:
                lines.append(
                    f"| **E{row.number}** {row.name} | {row.clinician} | {row.engineer} | {ACTIONS[row.action]} |"
                )
    return "\n".join(lines)


def decisions() -> str:
    """Each note by its title and what was chosen."""
    lines = []
    for path in sorted((DOCS / "decisions").glob("*.md")):
        if path.name != "README.md":
            title = path.read_text("utf-8").splitlines()[0].removeprefix("# ")
            lines.append(f"- [{title}]({path.name})")
    return "\n".join(lines)


def outside(markdown: str, folder: Path) -> str:
    """Links to files that are in the repository and not on the site become their names."""

    def named(match: re.Match[str]) -> str:
        words, target = match.groups()
        found = (folder / target).resolve()
        if not found.exists() or (found.suffix in {".md", ".png", ".jpg", ".svg", ".csv"} and _on_site(found)):
            return match[0]
        place = found.relative_to(ROOT) if found.is_relative_to(ROOT) else Path(target)
        return words if f"{place}" in words else f"{words} (`{place}`)"

    return LINK.sub(named, markdown)


def _on_site(path: Path) -> bool:
    return any(path.is_relative_to(ROOT / folder) for folder in ("docs", "hardware", "models"))


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    markdown = markdown.replace("<!-- errors -->", error_table()).replace("<!-- decisions -->", decisions())
    return outside(markdown, Path(page.file.abs_src_path).resolve().parent)
