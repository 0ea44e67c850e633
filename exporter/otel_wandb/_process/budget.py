"""Bounds what may wait: the number of items, and their bytes."""

import threading


class Budget:
    """Thread safe and reentrant: a garbage collection may end a span anywhere."""

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
        """Their bytes."""
        return self._bytes

    def take(self, items: int, size: int) -> bool:
        """Count `items` of `size` bytes as waiting, if there is room for them."""
        with self._lock:
            if self._items + items > self._most_items or self._bytes + size > self._most_bytes:
                return False
            self._items += items
            self._bytes += size
            return True

    def add(self, items: int, size: int) -> None:
        """Count items as waiting, whether or not there is room for them."""
        with self._lock:
            self._items += items
            self._bytes += size

    def give_back(self, items: int, size: int) -> bool:
        """Count them as no longer waiting; False if they were given up."""
        with self._lock:
            if self._given_up:
                return False
            self._items -= items
            self._bytes -= size
            return True

    def give_up(self) -> int:
        """Give up all waiting items and return their number. Nothing is taken afterwards."""
        with self._lock:
            self._given_up = True
            self._most_items = self._most_bytes = -1
            items, self._items, self._bytes = self._items, 0, 0
            return items
