import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from birefcli.batch.executor import READERS, WAITING, Ended, Steps, StopFlag, run_jobs


@dataclass
class Work:
    """Steps that only write down what happens; jobs are numbers."""

    size: int = 1
    unreadable: frozenset[int] = frozenset()
    lost: frozenset[int] = frozenset()
    batches: list[list[int]] = field(default_factory=list)
    begun: list[int] = field(default_factory=list)
    written: list[int] = field(default_factory=list)
    asked: int = 0

    def read(self, job: int) -> int | Ended[str]:
        self.begun.append(job)
        return Ended(f"{job} unread") if job in self.unreadable else job

    def compute(self, items: Sequence[int]) -> list[int | Ended[str]]:
        self.batches.append(list(items))
        return [Ended(f"{i} lost") if i in self.lost else i for i in items]

    def write(self, item: int) -> str:
        self.written.append(item)
        return f"{item} done"

    def batch(self) -> int:
        self.asked += 1
        return self.size

    @property
    def steps(self) -> Steps[int, int, str]:
        return Steps(self.read, self.compute, self.write, self.batch)


def test_jobs_whose_writes_end_out_of_order_are_told_in_order() -> None:
    work, is_second_written = Work(), threading.Event()

    def write(item: int) -> str:
        if item == 0:
            is_second_written.wait()
        outcome = work.write(item)
        if item == 1:
            is_second_written.set()
        return outcome

    steps = Steps(work.read, work.compute, write, work.batch)
    assert list(run_jobs(range(9), steps, StopFlag())) == [f"{i} done" for i in range(9)]
    assert work.written.index(1) < work.written.index(0)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_every_job_ends_once_and_in_order(size: int) -> None:
    work = Work(size, frozenset({2, 3, 19}), frozenset({5, 7}))
    ends = {2: "unread", 3: "unread", 19: "unread", 5: "lost", 7: "lost"}
    expected = [f"{i} {ends.get(i, 'done')}" for i in range(20)]
    assert list(run_jobs(range(20), work.steps, StopFlag())) == expected
    assert sorted(work.written) == [i for i in range(20) if i not in ends]
    assert max(map(len, work.batches)) <= size


def test_batches_are_filled() -> None:
    work = Work(4)
    list(run_jobs(range(12), work.steps, StopFlag()))
    assert [len(batch) for batch in work.batches] == [4, 4, 4]


def test_the_model_is_asked_for_only_when_a_job_gets_that_far() -> None:
    work = Work(unreadable=frozenset(range(20)))
    assert len(list(run_jobs(range(20), work.steps, StopFlag()))) == 20
    assert work.asked == 0


def test_no_jobs_are_no_work() -> None:
    assert list(run_jobs([], Work().steps, StopFlag())) == []


def test_only_a_few_pictures_are_held_at_once() -> None:
    work = Work()
    held = []
    compute = work.compute

    def watch(items: Sequence[int]) -> list[int | Ended[str]]:
        held.append(len(work.begun) - len(work.written))
        return compute(items)

    list(run_jobs(range(100), Steps(work.read, watch, work.write, work.batch), StopFlag()))
    assert max(held) <= 2 * WAITING + 4


def test_a_stop_finishes_what_the_model_has_begun_and_begins_nothing() -> None:
    work, stop = Work(), StopFlag()
    compute = work.compute

    def stopping(items: Sequence[int]) -> list[int | Ended[str]]:
        if items[0] == 5:
            stop.ask()
        return compute(items)

    outcomes = list(run_jobs(range(100), Steps(work.read, stopping, work.write, work.batch), stop))
    assert outcomes == [f"{i} done" for i in range(6)]
    assert len(work.begun) <= 6 + WAITING


def test_a_stop_from_the_one_who_listens_ends_the_run() -> None:
    work, stop = Work(), StopFlag()
    outcomes = []
    for outcome in run_jobs(range(100), work.steps, stop):
        outcomes.append(outcome)
        stop.ask()
    assert len(outcomes) < 20
    assert outcomes == [f"{i} done" for i in sorted(work.written)]


def test_a_stop_lets_go_of_what_waits_to_be_read() -> None:
    work, stop, gate = Work(), StopFlag(), threading.Event()

    def read(job: int) -> int | Ended[str]:
        work.begun.append(job)
        if job:
            gate.wait()
        return job

    def stopping(items: Sequence[int]) -> list[int | Ended[str]]:
        stop.ask()
        return list(items)

    steps: Steps[int, int, str] = Steps(read, stopping, work.write, work.batch)
    outcomes = []
    for outcome in run_jobs(range(9), steps, stop):
        # What waited has been let go of by now; what was being read may end.
        gate.set()
        outcomes.append(outcome)
    assert outcomes == ["0 done"]
    assert len(work.begun) <= 1 + READERS


def test_a_stop_before_the_start_begins_nothing() -> None:
    work, stop = Work(), StopFlag()
    stop.ask()
    assert list(run_jobs(range(9), work.steps, stop)) == []
    assert work.begun == []


def test_what_was_finished_is_told_before_an_error_ends_the_run() -> None:
    work = Work(unreadable=frozenset({0}))

    def falling(items: Sequence[int]) -> list[int | Ended[str]]:
        if items[0] == 3:
            raise RuntimeError("no model")
        return list(items)

    outcomes = []
    with pytest.raises(RuntimeError, match="no model"):
        for outcome in run_jobs(
            range(9), Steps(work.read, falling, work.write, work.batch), StopFlag()
        ):
            outcomes.append(outcome)
    assert outcomes == ["0 unread", "1 done", "2 done"]


def test_a_listener_that_goes_away_leaves_no_thread() -> None:
    before = threading.active_count()
    running = run_jobs(range(100), Work().steps, StopFlag())
    next(running)
    running.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before


def test_reading_computing_and_writing_overlap() -> None:
    # Nobody passes before all three are there at the same time.
    together = threading.Barrier(3)

    def meeting(number: int) -> Callable[[int], int]:
        def step(item: int) -> int:
            if item == number:
                together.wait()
            return item

        return step

    read, compute, write = map(meeting, (2, 1, 0))
    steps: Steps[int, int, int] = Steps(
        read, lambda items: [*map(compute, items)], write, lambda: 1
    )
    assert list(run_jobs(range(9), steps, StopFlag())) == list(range(9))
