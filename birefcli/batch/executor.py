"""Where jobs run: reading ahead and writing behind in threads, the model in the middle."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

J = TypeVar("J")  # a job
R = TypeVar("R")  # a job that was read and waits for the model
E = TypeVar("E")  # how a job ended

READERS = 2
WRITERS = 2
WAITING = 4  # pictures held on each side of the model, beyond its batch


@dataclass(frozen=True)
class StopFlag:
    """A flag any thread may raise: what is in flight is finished, nothing new begins."""

    event: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        """Ask the run to end."""
        self.event.set()

    @property
    def asked(self) -> bool:
        """Tell whether the run is to end."""
        return self.event.is_set()


@dataclass(frozen=True)
class Ended(Generic[E]):
    """A job that is over before its last step."""

    outcome: E


@dataclass(frozen=True)
class Steps(Generic[J, R, E]):
    """What is done with a job; reading or computing may end it at once by giving its outcome.

    `read` and `write` run in threads, `compute` in the caller's thread on up to `batch()` jobs,
    which is asked for only when the first job gets that far. No step raises for one bad picture.
    """

    read: Callable[[J], R | Ended[E]]
    compute: Callable[[Sequence[R]], list[R | Ended[E]]]
    write: Callable[[R], E]
    batch: Callable[[], int]


def run_jobs(jobs: Iterable[J], steps: Steps[J, R, E], stop: StopFlag) -> Iterator[E]:
    """Take every job through the steps and give the outcomes in the jobs' order.

    Once `stop` is asked, pictures the model has begun are finished and the rest is left. What a
    step raises ends the run, after the outcomes of what was finished before.
    """
    todo = iter(jobs)
    reading: deque[Future[R | Ended[E]]] = deque()
    writing: deque[Future[E] | Ended[E]] = deque()
    ahead = WAITING
    with ThreadPoolExecutor(READERS) as readers, ThreadPoolExecutor(WRITERS) as writers:
        try:
            while not stop.asked:
                for job in islice(todo, ahead - len(reading)):
                    reading.append(readers.submit(steps.read, job))
                if not reading:
                    break
                first = reading.popleft().result()
                if isinstance(first, Ended):
                    writing.append(first)
                else:
                    batch = steps.batch()
                    ahead = batch + WAITING
                    for item in steps.compute([first, *_followers(reading, batch - 1)]):
                        if isinstance(item, Ended):
                            writing.append(item)
                        else:
                            writing.append(writers.submit(steps.write, item))
                while writing and (len(writing) > ahead or _is_over(writing[0])):
                    yield _outcome(writing.popleft())
        except Exception:
            yield from map(_outcome, writing)
            raise
        finally:
            for future in reading:
                future.cancel()
        yield from map(_outcome, writing)


def _followers(reading: deque[Future[R | Ended[E]]], count: int) -> Iterator[R]:
    """Take the next jobs that got as far as the first, to share its batch."""
    while count > 0 and reading:
        item = reading[0].result()
        if isinstance(item, Ended):
            return
        reading.popleft()
        count -= 1
        yield item


def _is_over(item: Future[E] | Ended[E]) -> bool:
    return isinstance(item, Ended) or item.done()


def _outcome(item: Future[E] | Ended[E]) -> E:
    return item.outcome if isinstance(item, Ended) else item.result()
