"""Batches composed ahead of the training loop, in processes of their own."""

import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess

from birefcli.scenes import compose_on_one_thread
from birefcli.settings import TrainSettings
from birefcli.train.batch import TrainingBatch
from birefcli.train.batch_memory import BatchMemory, PlacedBatch, batch_bytes
from birefcli.train.batches import batch_shape, compose_batch, largest_batch

PREFETCH = 3  # batches composed ahead, per worker


class BatchComposer:
    """Composes the batches of one training process ahead of its loop, in processes of their own."""

    def __init__(self, settings: TrainSettings, process: int = 0) -> None:
        self.settings = settings
        self.process = process
        self.share = 0.0
        self._named: set[str] = set()
        workers = max(1, settings.workers)
        context = get_context("spawn")
        # A batch is in use until its step is taken, and a step takes `accumulate` of them.
        self._ahead = PREFETCH * workers
        slot_bytes = -(-batch_bytes(largest_batch(settings)) // 64) * 64
        self._memory = BatchMemory(context, self._ahead + settings.accumulate, slot_bytes)
        self._free = deque(range(self._memory.slots))
        self._in_use: deque[int] = deque()
        self._pool = ProcessPoolExecutor(
            workers, mp_context=context, initializer=_serve, initargs=(self._memory,)
        )

    def __enter__(self) -> "BatchComposer":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def batches(self, step: int, share: float) -> Iterator[TrainingBatch]:
        """Give the batches from a step on, without end; `share` is kept up to date by the loop.

        The arrays of a batch stay what they are until `settings.accumulate` more were asked for.
        """
        waiting: deque[tuple[int, Future[PlacedBatch | TrainingBatch]]] = deque()
        self.share = share
        while True:
            while len(self._in_use) >= self.settings.accumulate:
                self._free.append(self._in_use.popleft())
            while len(waiting) < self._ahead:
                count, size = batch_shape(step, self._share_of(step), self.settings)
                slot = self._free.popleft()
                job = (slot, step, count, size, self.settings, self.process)
                waiting.append((slot, self._pool.submit(_compose_into, *job)))
                step += 1
            slot, future = waiting.popleft()
            done = future.result()
            self._in_use.append(slot)
            batch = self._memory.taken(done) if isinstance(done, PlacedBatch) else done
            yield self._with_new_names(batch)

    def _with_new_names(self, batch: TrainingBatch) -> TrainingBatch:
        """Keep of the bad files those that no earlier batch named."""
        new = tuple(name for name in batch.bad if name not in self._named)
        self._named.update(new)
        return replace(batch, bad=new)

    def _share_of(self, step: int) -> float:
        """Give how far the training is at a step: exactly where steps are counted, so that a
        resumed run composes the same batches; else as far as it is now.
        """
        if self.settings.time_budget is None:
            return step / self.settings.steps
        return self.share


# The shared memory of this process, where it is a worker.
_memory: list[BatchMemory] = []


def _serve(memory: BatchMemory) -> None:
    """Make this process a worker, which ignores Ctrl-C and ends with the loop's process."""
    _memory[:] = [memory]
    compose_on_one_thread()
    # Ctrl-C is for the loop, which saves before it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    loop = parent_process()
    if loop is not None:
        threading.Thread(target=_end_with, args=(loop,), daemon=True).start()


def _end_with(process: BaseProcess) -> None:
    """End this process as soon as another has ended, killed or not."""
    process.join()
    os._exit(1)


def _compose_into(
    slot: int,
    step: int,
    count: int,
    size: tuple[int, int],
    settings: TrainSettings,
    process: int,
) -> PlacedBatch | TrainingBatch:
    """Compose the batch of a step and lay it into a slot of the shared memory."""
    return _memory[0].place(slot, compose_batch(step, count, size, settings, process))
