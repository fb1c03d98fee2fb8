"""A key for what is computed from a value once: the same object, not an equal one."""


class Same:
    """
    Equal only to a key of the very same object, which it keeps alive.

    A case holds dictionaries and cannot be hashed; comparing two of them would cost more than it saves.
    """

    __slots__ = ("it",)

    def __init__(self, it: object) -> None:
        self.it = it

    def __hash__(self) -> int:
        return id(self.it)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.it is other.it
