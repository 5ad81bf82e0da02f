"""The clinic's Wi-Fi: from its QR code, or from a file, to a profile of NetworkManager."""

from __future__ import annotations

import re
import uuid
from configparser import ConfigParser
from configparser import Error as ParserError
from dataclasses import dataclass

from ..errors import WifiCodeInvalid

_NAMESPACE = uuid.UUID("f1cf2ac0-3d3f-4b7e-9f0b-6f1c5f7cbb0b")
_SECTIONS = {"connection", "wifi", "wifi-security", "802-1x", "ipv4", "ipv6", "proxy"}
_FIELD = re.compile(r"([A-Z]):((?:\\.|[^\\;])*);")


@dataclass(frozen=True)
class Profile:
    """A connection as NetworkManager keeps it: a keyfile that only root reads (nm-settings-keyfile(5))."""

    name: str
    """What the Wi-Fi calls itself."""
    file_name: str
    text: str


def from_code(code: str) -> Profile:
    """The profile of a QR code such as WIFI:T:WPA;S:clinic;P:password;;

    WPA, WPA2 and WPA3 with a password, and open ones. A Wi-Fi with users of its own (802.1X) needs a file.
    Raises WifiCodeInvalid.
    """
    if not code.startswith("WIFI:"):
        raise WifiCodeInvalid("It does not begin with WIFI:")
    fields = {name: re.sub(r"\\(.)", r"\1", value) for name, value in _FIELD.findall(code[5:])}
    name, kind, password = fields.get("S", ""), fields.get("T", "nopass").upper(), fields.get("P", "")
    if not 1 <= len(name.encode()) <= 32:
        raise WifiCodeInvalid("A name has 1 to 32 bytes.")
    security: list[str] = []
    if kind in ("WPA", "WPA2", "WPA3", "SAE"):
        if not re.fullmatch(r"[ -~]{8,63}|[0-9A-Fa-f]{64}", password):
            raise WifiCodeInvalid("A password has 8 to 63 characters.")
        management = "sae" if kind in ("WPA3", "SAE") else "wpa-psk"
        security = ["", "[wifi-security]", f"key-mgmt={management}", f"psk={_escaped(password)}"]
    elif kind not in ("NOPASS", ""):
        raise WifiCodeInvalid(f"{kind} is neither WPA nor open.")
    identity = uuid.uuid5(_NAMESPACE, name)
    lines = [
        "[connection]", f"id={_escaped(name)}", f"uuid={identity}", "type=wifi", "",
        "[wifi]", "mode=infrastructure", f"ssid={''.join(f'{byte};' for byte in name.encode())}",
        *(["hidden=true"] if fields.get("H", "").lower() == "true" else []), *security, "",
        "[ipv4]", "method=auto", "", "[ipv6]", "method=auto",
    ]  # fmt: skip
    return Profile(name, f"trichoscope-{identity}.nmconnection", "\n".join(lines) + "\n")


def from_file(text: str) -> Profile:
    """The profile of a text: a QR code's, or a keyfile that the clinic's engineer made. Raises WifiCodeInvalid."""
    if text.startswith("WIFI:"):
        return from_code(text.strip())
    parser = ConfigParser(interpolation=None, delimiters=("=",), strict=True)
    try:
        parser.read_string(text)
        name, kind = parser["connection"]["id"], parser["connection"]["type"]
    except (ParserError, KeyError) as error:
        raise WifiCodeInvalid("The file is neither a code nor a keyfile.") from error
    if kind not in ("wifi", "802-11-wireless") or not set(parser.sections()) <= _SECTIONS:
        raise WifiCodeInvalid("The keyfile is of something else than a Wi-Fi.")
    return Profile(name, f"trichoscope-{uuid.uuid5(_NAMESPACE, name)}.nmconnection", text)


def _escaped(text: str) -> str:
    """As GKeyFile reads it back."""
    text = text.replace("\\", "\\\\")
    return "\\s" + text[1:] if text.startswith(" ") else text
