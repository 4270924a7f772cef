"""Shared memory in which composing processes lay their batches: none goes through a pipe."""

from ctypes import c_ubyte
from dataclasses import dataclass
from math import prod
from multiprocessing.context import SpawnContext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from birefcli.train.batch import TrainingBatch


@dataclass(frozen=True)
class PlacedBatch:
    """A batch whose arrays lie in a slot: their shape (N, H, W), and all that is small."""

    slot: int
    shape: tuple[int, int, int]
    is_partly_known: bool
    names: tuple[str, ...]
    labels: NDArray[np.int64] | None
    bad: tuple[str, ...]
    is_photo: NDArray[np.bool_] | None


class BatchMemory:
    """A block of shared memory cut into slots of equal size, one batch each.

    It is handed to a process when that starts. Nothing locks it: whoever gives out a slot sees to
    it that only one process at a time uses it.
    """

    def __init__(self, context: SpawnContext, slots: int, slot_bytes: int) -> None:
        self.slots = slots
        self.slot_bytes = slot_bytes
        self._block: Any = context.RawArray(c_ubyte, slots * slot_bytes)

    def place(self, slot: int, batch: TrainingBatch) -> PlacedBatch | TrainingBatch:
        """Copy a batch into a slot; one that is too large for it comes back as it is."""
        if batch_bytes(batch.matte.shape) > self.slot_bytes:
            return batch
        shape = batch.matte.shape
        placed = PlacedBatch(
            slot,
            (shape[0], shape[1], shape[2]),
            batch.known is not None,
            batch.names,
            batch.labels,
            batch.bad,
            batch.is_photo,
        )
        target = self.taken(placed)
        target.rgb[:] = batch.rgb
        target.matte[:] = batch.matte
        if target.known is not None and batch.known is not None:
            target.known[:] = batch.known
        return placed

    def taken(self, placed: PlacedBatch) -> TrainingBatch:
        """Give the batch in a slot; its arrays are the slot's own memory."""
        begin, count = placed.slot * self.slot_bytes, prod(placed.shape)
        # The float32 arrays come first, so that they start at a multiple of four bytes.
        matte = np.frombuffer(self._block, np.float32, count, begin)
        known = np.frombuffer(self._block, np.float32, count, begin + 4 * count)
        rgb = np.frombuffer(self._block, np.uint8, 3 * count, begin + 8 * count)
        return TrainingBatch(
            rgb.reshape(*placed.shape, 3),
            matte.reshape(placed.shape),
            known=known.reshape(placed.shape) if placed.is_partly_known else None,
            names=placed.names,
            labels=placed.labels,
            bad=placed.bad,
            is_photo=placed.is_photo,
        )


def batch_bytes(shape: tuple[int, ...]) -> int:
    """Give the bytes a batch of mattes of this shape (N, H, W) takes, its pictures included."""
    return 11 * prod(shape)
