"""The clinic's DICOMweb server (PS3.18): store, find, retrieve; every other answer becomes a numbered error.

Written on http.client: no redirection is followed, no proxy and no environment variable taken, nothing tried twice.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from typing import Any
from urllib.parse import urlencode, urlsplit

from ..errors import (
    ClinicNotSet,
    ConnectionCut,
    DeviceNotEnrolled,
    LoginRefused,
    NotAClinicServer,
    ObjectNotFound,
    ObjectRefused,
    ServerCertificateExpired,
    ServerFailed,
    ServerFull,
    ServerNameWrong,
    ServerNotTrusted,
    ServerUnreachable,
    TrichoscopeError,
)
from .certificates import tls_context
from .settings import ClinicSettings

TIMEOUT_S = 30.0
"""For the server to say or take anything at all."""
SLOWEST_BYTES_PER_S = 20_000
"""An answer that comes more slowly is given up: a photograph would take five minutes."""
ANSWER_MAX = 64_000_000
"""Bytes of an answer whose size is not known."""
_BOUNDARY = (
    "trichoscope-part"  # never in an object: of the JPEG's bytes no marker segment holds it, and PS3.10 is binary
)
_JSON = "application/dicom+json"
_REFERENCED, _FAILED, _SOP_INSTANCE, _REASON = "00081199", "00081198", "00081155", "00081197"
_OUT_OF_RESOURCES = 0xA700
"""Failure reasons from here to A7FF (PS3.18 I.2.2)."""
_REFUSALS: dict[int, type[TrichoscopeError]] = {
    401: LoginRefused, 403: DeviceNotEnrolled, 413: ServerFull, 429: ServerFailed, 507: ServerFull,
}  # fmt: skip
_FULL = (b"no space", b"full", b"cannot write to file")
"""Words of servers that say 500 to a full disk; the last ones are Orthanc's."""
_NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"}
_EXPIRED = {9, 10}
"""X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL."""


@dataclass(frozen=True)
class Address:
    """Where an object is on the server."""

    study_uid: str
    series_uid: str
    uid: str

    @property
    def path(self) -> str:
        return f"/studies/{self.study_uid}/series/{self.series_uid}/instances/{self.uid}"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes

    @property
    def kind(self) -> str:
        return self.headers.get_content_type()

    @property
    def said(self) -> str:
        """The first words of a text, for an engineer."""
        words = self.body[:400].decode(errors="replace").split()
        return f"It answered {self.status}: {' '.join(words)[:160]}" if words else f"It answered {self.status}."


class Server:
    """The clinic's server, over one connection that is opened when it is needed.

    Raises ClinicNotSet, KeyUnreadable or DeviceCertificateExpired; its methods raise errors of family 5.
    """

    def __init__(self, settings: ClinicSettings, now: datetime, *, timeout_s: float = TIMEOUT_S) -> None:
        if not settings.url:
            raise ClinicNotSet
        url = urlsplit(settings.url)
        if url.scheme != "https" or not url.hostname:
            raise ClinicNotSet(f"{settings.url} is no https address.")
        self._root = url.path.rstrip("/")
        self._connection = http.client.HTTPSConnection(
            url.hostname, url.port or 443, timeout=timeout_s, context=tls_context(settings, now)
        )
        self.waited_s = 0.0
        """How long the server was waited for, since the start."""

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def store(self, uid: str, data: bytes) -> None:
        """STOW-RS of one object. That this returns is no receipt: see `find` and `retrieve`.

        Raises ObjectRefused where the server does not take this object, ServerFull where it would take none.
        """
        kind = f'multipart/related; type="application/dicom"; boundary={_BOUNDARY}'
        head = f"--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        answer = self._ask("POST", "/studies", _JSON, [head, data, f"\r\n--{_BOUNDARY}--\r\n".encode()], kind)
        if answer.status == http.client.CONFLICT:
            return  # PS3.18 10.5.3.1: of some servers, that they have it already
        if answer.status not in (200, 202):
            raise _refusal(answer)
        document = _json(answer)
        if uid in _instances(document, _REFERENCED):
            return
        reasons = {reason for item in _values(document, _FAILED) for reason in _values(item, _REASON)}
        if not reasons or any(_OUT_OF_RESOURCES <= reason <= _OUT_OF_RESOURCES + 0xFF for reason in reasons):
            raise ServerFull("It says yes and takes nothing, as Orthanc does when its disk is full.")
        raise ObjectRefused(f"It lists it as failed: {', '.join(f'{reason:#06x}' for reason in sorted(reasons))}.")

    def count(self, uid: str) -> int:
        """How many instances the server finds under a SOP Instance UID (QIDO-RS)."""
        return len(self.find("/instances", {"SOPInstanceUID": uid}))

    def find(self, path: str, query: dict[str, str]) -> list[dict[str, Any]]:
        """QIDO-RS: what matches, in DICOM JSON (PS3.18 F)."""
        answer = self._ask("GET", f"{path}?{urlencode(query)}", _JSON)
        if answer.status == http.client.NO_CONTENT:
            return []
        if answer.status != http.client.OK:
            raise _refusal(answer)
        found = _json(answer)
        if not isinstance(found, list):
            raise NotAClinicServer("A search did not give a list.")
        return found

    def metadata(self, address: Address) -> dict[str, Any]:
        """WADO-RS: all of an object but its pixels, in DICOM JSON."""
        answer = self._ask("GET", f"{address.path}/metadata", _JSON)
        if answer.status != http.client.OK:
            raise _refusal(answer)
        found = _json(answer)
        if not isinstance(found, list) or len(found) != 1:
            raise NotAClinicServer("The metadata of one object are not one.")
        return dict(found[0])

    def frame(self, address: Address) -> bytes:
        """WADO-RS: the first frame as baseline JPEG: of our photographs, what the camera gave, and perhaps one zero."""
        accept = 'multipart/related; type="image/jpeg"; transfer-syntax=1.2.840.10008.1.2.4.50'
        answer = self._ask("GET", f"{address.path}/frames/1", accept)
        return self._only_part(answer)

    def digest(self, address: Address, size: int) -> str | None:
        """SHA-256 of what the server holds (WADO-RS), None where it is larger than `size` bytes.

        Raises ObjectNotFound.
        """
        accept = 'multipart/related; type="application/dicom"; transfer-syntax=*'
        answer = self._ask("GET", address.path, accept, at_most=size + 4096)
        if len(answer.body) > size + 4096:
            return None
        return hashlib.sha256(self._only_part(answer)).hexdigest()

    def _only_part(self, answer: Answer) -> bytes:
        if answer.status in (http.client.NOT_FOUND, http.client.GONE):
            raise ObjectNotFound(answer.said)
        if answer.status != http.client.OK:
            raise _refusal(answer)
        boundary = answer.headers.get_boundary()
        if answer.kind != "multipart/related" or not boundary:
            raise NotAClinicServer(f"It sent {answer.kind} for an object.")
        mark = b"--" + boundary.encode()
        start = answer.body.find(b"\r\n\r\n", answer.body.find(mark))
        end = answer.body.rfind(b"\r\n" + mark + b"--")
        if start < 0 or end < start:
            raise ConnectionCut("The object that it sent has no end.")
        return answer.body[start + 4 : end]

    def _ask(
        self,
        method: str,
        path: str,
        accept: str,
        body: Sequence[bytes] = (),
        kind: str | None = None,
        at_most: int = ANSWER_MAX,
    ) -> Answer:
        headers = {"Accept": accept, "User-Agent": "trichoscope"}
        if kind is not None:
            headers |= {"Content-Type": kind, "Content-Length": str(sum(map(len, body)))}
        began = time.monotonic()
        try:
            try:
                self._connection.request(method, self._root + path, body=iter(body) if body else None, headers=headers)
            except (BrokenPipeError, ConnectionResetError):
                if self._connection.sock is None:
                    raise
                # a server that has read enough to say no closes: what it said may still be there
            response = self._connection.getresponse()
            return Answer(response.status, response.headers, _read(response, at_most, began))
        except TrichoscopeError:
            self._connection.close()
            raise
        except (OSError, http.client.HTTPException) as error:
            reached = self._connection.sock is not None
            self._connection.close()
            raise _trouble(error, reached) from error
        finally:
            self.waited_s += time.monotonic() - began


def _read(response: http.client.HTTPResponse, at_most: int, began: float) -> bytes:
    """The whole answer, or one byte more than `at_most`. Raises ConnectionCut where it ends early or creeps."""
    body = bytearray()
    with response:  # closed, or the connection would not take the next question
        _fill(body, response, at_most, began)
    return bytes(body)


def _fill(body: bytearray, response: http.client.HTTPResponse, at_most: int, began: float) -> None:
    while len(body) <= at_most and (block := response.read1(1 << 16)):
        body += block
        if time.monotonic() - began > TIMEOUT_S + len(body) / SLOWEST_BYTES_PER_S:
            raise ConnectionCut("The answer came too slowly.")
    if len(body) <= at_most and response.length:
        raise ConnectionCut("The answer ended early.")


def _trouble(error: Exception, reached: bool) -> TrichoscopeError:
    """The error that a connection ended in."""
    words = f"{type(error).__name__}: {str(error)[:80]}."
    if isinstance(error, ssl.SSLError):
        return _tls_trouble(error)
    if not reached:
        return ServerUnreachable(words)
    cut = isinstance(error, OSError | http.client.IncompleteRead)  # RemoteDisconnected is an OSError
    return ConnectionCut(words) if cut else NotAClinicServer(words)


def _tls_trouble(error: ssl.SSLError) -> TrichoscopeError:
    reason = error.reason or ""
    kind: type[TrichoscopeError] = ConnectionCut
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message
        kind = ServerNotTrusted
        if error.verify_code in _EXPIRED:
            kind = ServerCertificateExpired
        elif "match" in reason:  # of a host name or an address
            kind = ServerNameWrong
    elif "ALERT" in reason:
        kind = DeviceNotEnrolled
    elif reason in _NO_TLS:
        kind = NotAClinicServer
    return kind(f"{reason or error}.")


def _refusal(answer: Answer) -> TrichoscopeError:
    """The error that a status says."""
    status, html = answer.status, answer.kind == "text/html"
    kind = _REFUSALS.get(status)
    if kind is None:
        kind = ServerFailed if status >= 500 else ObjectRefused if status >= 400 and not html else NotAClinicServer
    if status >= 500 and any(word in answer.body.lower() for word in _FULL):
        kind = ServerFull
    if status == http.client.BAD_REQUEST and b"certificate" in answer.body[:2000].lower():
        kind = DeviceNotEnrolled  # nginx, as it comes
    if 300 <= status < 400:
        return NotAClinicServer(f"It sends on to {answer.headers.get('Location', 'nowhere')[:80]}.")
    return kind(answer.said)


def _json(answer: Answer) -> Any:
    if answer.kind not in (_JSON, "application/json"):
        raise NotAClinicServer(f"It sent {answer.kind} instead of DICOM JSON.")
    try:
        return json.loads(answer.body)
    except ValueError as error:
        raise NotAClinicServer("Its JSON cannot be read.") from error


def _instances(document: Any, tag: str) -> set[str]:
    """The SOP Instance UIDs in a sequence of a STOW-RS answer."""
    found: set[str] = set()
    for item in _values(document, tag):
        found |= {str(value) for value in _values(item, _SOP_INSTANCE)}
    return found


def _values(document: Any, tag: str) -> Iterator[Any]:
    element = document.get(tag) if isinstance(document, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    yield from values if isinstance(values, list) else ()
