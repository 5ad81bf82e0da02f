"""The device's certificate and key, and whom it trusts: the same for DICOMweb and for the worklist."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

from ..errors import DeviceCertificateExpired, KeyUnreadable
from .settings import ClinicSettings

_SEQUENCE, _VERSION, _UTC_TIME = 0x30, 0xA0, 0x17


def tls_context(settings: ClinicSettings, now: datetime) -> ssl.SSLContext:
    """TLS with the device's certificate, to servers of the clinic's authority alone.

    Raises KeyUnreadable where a file is missing, no PEM or readable by others, and DeviceCertificateExpired.
    """
    try:
        if settings.key.stat().st_mode & 0o077:
            raise KeyUnreadable(f"{settings.key} is readable by others.")
        not_before, not_after = validity(settings.certificate.read_text("ascii"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificate and host name; trusts nobody yet
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(settings.ca)
        context.load_cert_chain(settings.certificate, settings.key)
    except KeyUnreadable:
        raise
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise KeyUnreadable(f"{_file_of(error, settings)}: {error.args[-1]}.") from error
    if not not_before <= now <= not_after:
        raise DeviceCertificateExpired(f"It is valid from {not_before:%Y-%m-%d} to {not_after:%Y-%m-%d}.")
    return context


def validity(pem: str) -> tuple[datetime, datetime]:
    """From when until when a certificate holds (RFC 5280 4.1.2.5). Raises ValueError for anything else."""
    try:
        certificate = _value(ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERTIFICATE") :]), 0)
        to_be_signed = _value(certificate, 0)
        at = 0
        if to_be_signed[0] == _VERSION:
            at = _after(to_be_signed, at)
        for _ in ("serial number", "signature algorithm", "issuer"):
            at = _after(to_be_signed, at)
        times = _value(to_be_signed, at)
        return _time(times, 0), _time(times, _after(times, 0))
    except IndexError as error:
        raise ValueError("the certificate ends early") from error


def _time(data: bytes, at: int) -> datetime:
    text = _value(data, at).decode("ascii")
    if data[at] == _UTC_TIME:  # two digits of the year: 50 to 49 are 1950 to 2049
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _value(data: bytes, at: int) -> bytes:
    start, length = _bounds(data, at)
    return data[start : start + length]


def _after(data: bytes, at: int) -> int:
    start, length = _bounds(data, at)
    return start + length


def _bounds(data: bytes, at: int) -> tuple[int, int]:
    """Where the value of a DER element starts, and its length (X.690 8.1.3)."""
    first = data[at + 1]
    if first < 0x80:
        return at + 2, first
    count = first & 0x7F
    return at + 2 + count, int.from_bytes(data[at + 2 : at + 2 + count])


def _file_of(error: Exception, settings: ClinicSettings) -> Path | str:
    return getattr(error, "filename", None) or settings.certificate
