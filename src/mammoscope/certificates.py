"""Certificates with their keys; OpenSSL alone would wait for pipes and for passwords."""

from __future__ import annotations

import ssl
from pathlib import Path

from mammoscope.errors import InputError
from mammoscope.files import check_file


def load_identity(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Have a context say who we are.

    Parameters
    ----------
    certificate, key
        PEM files; the key is not encrypted.

    Raises
    ------
    InputError
        If a file cannot be used, or the key is of another certificate.
    """
    for path in (certificate, key):
        check_file(path)
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except OSError as error:
        cause = f"no certificate with its key in {key}: {error.strerror or error}"
        raise InputError(certificate, cause) from error


def _no_password() -> str:
    # OpenSSL would ask on the terminal.
    raise OSError("the key is encrypted")
