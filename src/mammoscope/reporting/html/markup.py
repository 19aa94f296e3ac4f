"""HTML that escapes by construction: text becomes markup only by way of :func:`element`."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

_VOID = frozenset({"br", "img", "input", "link", "meta"})


class Html(str):
    """Text that is markup already. Only this package's own constants may be made into it."""

    __slots__ = ()


def element(
    name: str, attributes: Mapping[str, object] | None = None, *children: str | None
) -> Html:
    """An element; children that are no :class:`Html` are escaped, None is left out.

    An attribute that is None or False is left out, one that is True has no value.
    """
    inner = "".join(escaped(child) for child in children if child is not None)
    start = f"<{name}{''.join(_attribute(k, v) for k, v in (attributes or {}).items())}>"
    return Html(start if name in _VOID else f"{start}{inner}</{name}>")


def escaped(text: str) -> Html:
    """``text`` as markup that shows it."""
    return text if isinstance(text, Html) else Html(escape(text, quote=True))


def joined(*parts: str | None) -> Html:
    """Several pieces one after the other, escaped like children."""
    return Html("".join(escaped(part) for part in parts if part is not None))


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(str(value), quote=True)}"'
