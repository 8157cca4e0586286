"""What a parameter is: its default, the values that it allows, its meaning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Union

#: A value of a parameter.
Value = Union[bool, int, float, str, list[str]]
#: As ``ros2 param describe`` calls them.
TYPE_NAMES: dict[type, str] = {
    bool: 'boolean', int: 'integer', float: 'double', str: 'string', list: 'string array'}


@dataclass(frozen=True)
class Spec:
    """
    One parameter.

    ``limits`` are the lowest and the highest allowed value, and ``choices`` the only allowed
    strings. ``check`` raises ``ValueError`` for any other reason. A ``fixed`` parameter takes
    effect at configure and can only be set while the node is unconfigured.
    """

    name: str
    default: Value
    description: str
    limits: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    check: Callable[[Any], None] | None = None
    fixed: bool = False
    read_only: bool = False

    @property
    def is_yes_or_no(self) -> bool:
        """Return whether it may be given as a bool, which is what YAML makes of true."""
        return 'true' in self.choices

    def typed(self, value: object) -> Value:
        """
        Return a given value in this parameter's type: ``max_rate: 10`` in YAML becomes 10.0.

        :raises ValueError: one sentence, if it is of another type.
        """
        if isinstance(self.default, float) and type(value) is int:
            return float(value)
        if isinstance(self.default, list) and not value:
            return self.default
        if isinstance(value, bool) and self.is_yes_or_no:
            return str(value).lower()
        if type(value) is not type(self.default):
            raise ValueError(f'{self.name}: {self.not_of_type(value)}')
        if isinstance(value, list) and not all(isinstance(each, str) for each in value):
            raise ValueError(f'{self.name}: {value!r} is not a list of strings')
        return value

    def not_of_type(self, value: object) -> str:
        """Say that a value is not of this parameter's type."""
        return f'{value!r} is not of type {TYPE_NAMES[type(self.default)]}'

    def require(self, value: Any) -> None:
        """Raise ``ValueError``, one sentence, unless the value is allowed."""
        if self.limits and not self.limits[0] <= value <= self.limits[1]:
            raise ValueError(
                f'{self.name}: {value} is not within {self.limits[0]} to {self.limits[1]}')
        if self.choices and value not in self.choices:
            raise ValueError(f'{self.name}: {value!r} is none of {", ".join(self.choices)}')
        if self.check:
            self.check(value)
