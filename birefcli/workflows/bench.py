"""How long a picture takes, stage by stage, on scenes that are drawn for it."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from birefcli.image import Matte, Rgb, encode, read_picture
from birefcli.inpaint import Filled, FillTask, Inpainter, ReportingInpainter, fill_task
from birefcli.matte import cut_image
from birefcli.models import Segmenter
from birefcli.peeling import peel
from birefcli.scenes import TUNING_SEEDS, draw_suite
from birefcli.scenes import picture as shown_of
from birefcli.settings import BenchSettings, CutSettings, PeelCommand, Suite
from birefcli.stack import (
    EngineRecord,
    SourceRecord,
    measure_recomposition,
    require_exact,
    stack_files,
)
from birefcli.version import __version__

_UNLIMITED = 1 << 62
_SMALL = 96


class BenchStage(StrEnum):
    """The timed stages of a cut or a peel."""

    READ = "read"  # decoded from PNG
    NETWORK = "network"
    CUT = "cut out"  # matte and colours
    FILL = "fill"
    LIFT = "order and lift"  # the rest of a peel
    ENCODE = "encode"
    PROVE = "prove"  # every file read again and laid back


@dataclass
class Clock:
    """Seconds spent in each stage on one picture; an inner stage stops the outer one."""

    seconds: dict[BenchStage, float] = field(default_factory=dict)
    passes: int = 0
    layers: int = 0
    _inner: list[float] = field(default_factory=list)

    @contextmanager
    def over(self, stage: BenchStage) -> Iterator[None]:
        """Count the time inside to a stage."""
        self._inner.append(0)
        began = time.perf_counter()
        try:
            yield
        finally:
            whole = time.perf_counter() - began
            own = whole - self._inner.pop()
            self.seconds[stage] = self.seconds.get(stage, 0) + own
            if self._inner:
                self._inner[-1] += whole

    @property
    def total(self) -> float:
        """Seconds for the whole picture."""
        return sum(self.seconds.values())

    @property
    def a_pass(self) -> float:
        """Seconds of a peel for each of its passes, without the network."""
        return (self.seconds.get(BenchStage.FILL, 0) + self.seconds[BenchStage.LIFT]) / max(
            1, self.passes
        )


@dataclass(frozen=True)
class TimedSegmenter:
    """A segmenter whose time is counted."""

    segment: Segmenter
    clock: Clock

    def __call__(self, images: Sequence[Rgb]) -> list[Matte]:
        """Give one matte per picture."""
        with self.clock.over(BenchStage.NETWORK):
            return self.segment(images)


@dataclass(frozen=True)
class TimedInpainter(ReportingInpainter):
    """A filler whose time is counted."""

    inpaint: Inpainter
    clock: Clock

    @property
    def name(self) -> str:
        """What the filler is called."""
        return self.inpaint.name

    def fill(self, task: FillTask) -> Filled:
        """Fill the hole and say how."""
        with self.clock.over(BenchStage.FILL):
            return fill_task(self.inpaint, task)


def time_stages(
    settings: BenchSettings,
    segment: Segmenter,
    inpainter: Inpainter,
    front: Segmenter | None = None,
) -> Iterator[Clock]:
    """Cut or peel drawn pictures one by one, and give the time of each.

    A small one comes before them and is not counted: what runs for the first time warms up.
    """
    for number in range(settings.number + 1):
        side = settings.side if number else min(_SMALL, settings.side)
        scene = draw_suite(Suite.SCENE, TUNING_SEEDS[number], side)
        data = encode(shown_of(scene), "png")
        clock = Clock()
        if settings.is_peel:
            _peel(data, segment, front, TimedInpainter(inpainter, clock), clock)
        else:
            _cut(data, TimedSegmenter(segment, clock), clock)
        if number:
            yield clock


def _cut(data: bytes, segment: Segmenter, clock: Clock) -> None:
    """Take a PNG through all that `birefcli cut` does, but for the disk."""
    with clock.over(BenchStage.READ):
        picture = read_picture(data, max_pixels=_UNLIMITED)
    with clock.over(BenchStage.CUT):
        rgba = cut_image(picture, segment, CutSettings(inputs=("-",)))
    with clock.over(BenchStage.ENCODE):
        encode(rgba, "png")


def _peel(
    data: bytes, segment: Segmenter, front: Segmenter | None, inpainter: Inpainter, clock: Clock
) -> None:
    """Take a PNG through all that `birefcli peel` does, but for the disk."""
    with clock.over(BenchStage.READ):
        picture = read_picture(data, max_pixels=_UNLIMITED)
    with clock.over(BenchStage.LIFT):
        stack = peel(
            picture.rgb,
            TimedSegmenter(segment, clock),
            inpainter,
            front=None if front is None else TimedSegmenter(front, clock),
        )
    rgba = picture.rgba
    source = SourceRecord(file="scene.png", sha256="", mode="RGB")
    engine = EngineRecord(
        version=__version__,
        segmenter="",
        segmenter_sha256="",
        segmenter_size=None,
        inpaint=inpainter.name,
    )
    with clock.over(BenchStage.ENCODE):
        difference = measure_recomposition(stack, rgba)
        files = stack_files(stack, rgba, source, engine, difference, PeelCommand.formats)
    with clock.over(BenchStage.PROVE):
        require_exact("scene.png", stack, rgba, files)
    clock.layers = len(stack.layers)
    clock.passes = max((layer.evidence.step for layer in stack.layers), default=1)


def peak_memory() -> float | None:
    """Give the most memory this process has held, in MiB; None where the system does not say."""
    try:
        from resource import RUSAGE_SELF, getrusage
    except ImportError:
        return None
    # Linux counts KiB, macOS bytes.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return getrusage(RUSAGE_SELF).ru_maxrss / unit
