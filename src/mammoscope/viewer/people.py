"""Who may enter: readers by name and role, each by a secret of their own."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mammoscope.errors import InputError, OutputError
from mammoscope.files import atomic_file, read_file


class Role(StrEnum):
    """A reader sees their own reads; an adjudicator those of all, and takes them out."""

    READER = "reader"
    ADJUDICATOR = "adjudicator"


@dataclass(frozen=True)
class Person:
    """Somebody who may enter."""

    name: str
    role: Role = Role.READER


class Doors:
    """Secrets by which people enter, and the sessions of those who have.

    Parameters
    ----------
    secrets_of
        The secret of each person.
    """

    def __init__(self, secrets_of: dict[Person, str]) -> None:
        self.secrets_of = secrets_of
        self._sessions: dict[str, Person] = {}

    @classmethod
    def fresh(cls, people: Iterable[Person]) -> Doors:
        """New secrets, good as long as the process lives."""
        return cls({person: secrets.token_urlsafe(24) for person in people})

    @classmethod
    def kept(cls, people: Iterable[Person], path: Path) -> Doors:
        """Secrets kept in a file that only the owner may read, made for those it does not know.

        Raises
        ------
        InputError, OutputError
            If the file cannot be used.
        """
        known: dict[str, str] = {}
        try:
            if path.exists():
                known = dict(json.loads(read_file(path, 1 << 20)))
            made = {
                person: known.get(person.name) or secrets.token_urlsafe(24) for person in people
            }
            told = {person.name: secret for person, secret in made.items()}
            if told != known or path.stat().st_mode & 0o077:
                text = json.dumps(told, indent=2).encode()
                with atomic_file(path, private=True) as stream:
                    stream.write(text)
        except OSError as error:
            raise OutputError(path, error.strerror or str(error)) from error
        except (ValueError, TypeError, RecursionError) as error:
            raise InputError(path, f"holds no secrets of readers: {error}") from error
        return cls(made)

    def enter(self, secret: str) -> str | None:
        """A session for whoever knows a secret, else None."""
        given = hashlib.sha256(secret.encode()).digest()
        for person, known in self.secrets_of.items():
            if hmac.compare_digest(given, hashlib.sha256(known.encode()).digest()):
                session = secrets.token_urlsafe(32)
                self._sessions[session] = person
                return session
        return None

    def who(self, session: str | None) -> Person | None:
        """Whose session it is."""
        return self._sessions.get(session or "")
