"""Whose picture to ask for: few at a time, because the node draws each only for who asks."""

from __future__ import annotations

from collections.abc import Sequence

#: Pictures that are asked for at the same time.
AT_ONCE = 2
#: Pictures of one camera are taken this often, in s.
INTERVAL_S = 0.2
# On a busy machine it takes that long until a node has noticed who asks and drawn a picture.
_PATIENCE_S = 3.0


class PictureTurns:
    """
    Shares few pictures at a time among the rows in sight.

    While no more than ``AT_ONCE`` rows are in sight, all are live. Else the selected row is, or
    the first, and the others take turns.
    """

    def __init__(self) -> None:
        self._turn = ''
        self._since_s = 0.0
        self._has_come = False
        self._last_turn_s: dict[str, float] = {}

    def arrived(self, name: str) -> None:
        """Note that a picture came."""
        if name == self._turn:
            self._has_come = True

    def wanted(self, visible: Sequence[str], selected: str, now_s: float) -> tuple[str, ...]:
        """
        Return the cameras to ask for pictures of.

        :param visible: names of the rows in sight, from above.
        :param selected: the selected row, in sight or not; '' is none.
        """
        if len(visible) <= AT_ONCE:
            return tuple(visible)
        live = selected if selected in visible else visible[0]
        others = [name for name in visible if name != live]
        if self._turn not in others or self._is_over(now_s):
            self._turn = min(others, key=lambda name: self._last_turn_s.get(name, 0.0))
            self._since_s, self._has_come = now_s, False
            self._last_turn_s[self._turn] = now_s
        return live, self._turn

    def _is_over(self, now_s: float) -> bool:
        lasted_s = now_s - self._since_s
        return lasted_s >= (INTERVAL_S if self._has_come else _PATIENCE_S)
