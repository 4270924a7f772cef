"""Decoded pictures kept in memory up to a number of bytes; the least recently used go first."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np
from numpy.typing import NDArray


class DecodedPictures:
    """Arrays by key: decoded once, read-only from then on, and dropped when memory runs short."""

    def __init__(self, budget: int) -> None:
        """Keep arrays of at most `budget` bytes altogether; 0 keeps none."""
        self._budget = budget
        self._arrays: OrderedDict[Hashable, NDArray[np.uint8]] = OrderedDict()
        self.size = 0

    def get(self, key: Hashable, decode: Callable[[], NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Give the array of a key; `decode` makes it where it is not kept."""
        found = self._arrays.get(key)
        if found is not None:
            self._arrays.move_to_end(key)
            return found
        array = decode()
        # Shared from here on: a scene that wrote into it would change every later one.
        array.flags.writeable = False
        if array.nbytes <= self._budget:
            self._arrays[key] = array
            self.size += array.nbytes
        while self.size > self._budget:
            _, oldest = self._arrays.popitem(last=False)
            self.size -= oldest.nbytes
        return array
