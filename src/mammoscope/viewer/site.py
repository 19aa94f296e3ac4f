"""Where a server is to be found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Site:
    """Where the server is to be found.

    Parameters
    ----------
    hosts
        Values of the header ``Host`` that are answered.
    secure
        Whether it speaks TLS.
    port
        Cookies of one machine are shared by all its ports: the cookie's name has it.
    """

    hosts: tuple[str, ...]
    secure: bool
    port: int
