"""Limits the number of waiting items and their bytes."""

import threading


class Budget:
    """Counts waiting items within limits. Thread safe and reentrant: a garbage collection may end a span anywhere."""

    def __init__(self, most_items: int, most_bytes: int) -> None:
        self._most_items = most_items
        self._most_bytes = most_bytes
        self._lock = threading.RLock()
        self._items = 0
        self._bytes = 0
        self._given_up = False

    @property
    def items(self) -> int:
        """The number of waiting items."""
        return self._items

    @property
    def size(self) -> int:
        """The bytes of all waiting items."""
        return self._bytes

    def take(self, items: int, size: int) -> bool:
        """Count `items` of `size` bytes as waiting. Returns False, and counts nothing, if there is no room for them."""
        with self._lock:
            if self._items + items > self._most_items or self._bytes + size > self._most_bytes:
                return False
            self._items += items
            self._bytes += size
            return True

    def add(self, items: int, size: int) -> None:
        """Count items as waiting, even beyond the limits."""
        with self._lock:
            self._items += items
            self._bytes += size

    def give_back(self, items: int, size: int) -> bool:
        """Count items as no longer waiting. Returns False if they were given up."""
        with self._lock:
            if self._given_up:
                return False
            self._items -= items
            self._bytes -= size
            return True

    def give_up(self) -> int:
        """Give up all waiting items and return their number. `take` refuses everything afterwards."""
        with self._lock:
            self._given_up = True
            self._most_items = self._most_bytes = -1
            items, self._items, self._bytes = self._items, 0, 0
            return items
