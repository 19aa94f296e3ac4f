"""The states of an association (PS3.8 9.2), which end with its connection whatever is said."""

from __future__ import annotations

from pynetdicom.association import Association
from pynetdicom.fsm import InvalidEventError, StateMachine
from pynetdicom.transport import AssociationSocket


class States(StateMachine):
    """Closes the connection at an event that its state knows nothing of.

    Of an association that is being aborted the other side may say, and the node may be about to
    say, what has no place any more. The library's thread would die of it, with the connection left
    open.
    """

    def __init__(self, association: Association, line: AssociationSocket) -> None:
        super().__init__(association.dul)
        self._association, self._line = association, line

    def do_action(self, event: str) -> None:
        """Go on to the next state, or end."""
        try:
            super().do_action(event)
        except InvalidEventError:
            self._association.is_aborted = True
            self._association.is_established = False
            self._line.close()
            self.dul.kill_dul()
