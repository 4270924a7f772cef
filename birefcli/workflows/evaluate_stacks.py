"""Take seeded scenes apart by several methods, and score every stack beside the truth."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from birefcli.batch import StopFlag
from birefcli.errors import BirefcliError, PictureError
from birefcli.image import Rgb
from birefcli.metrics import GROUPINGS, PredictedStack, layerd_scores, measure_stack, truth_of
from birefcli.scenes import LayeredScene, draw_suite, picture
from birefcli.settings import EvalPeelSettings, Suite
from birefcli.stack import (
    SourceRecord,
    Stack,
    compare,
    composite,
    composite_all,
    composite_with_pillow,
    prepare_export,
    read_ora,
    read_psd,
    write_ora,
    write_psd,
)
from birefcli.workflows.baselines import PeelMethod


@dataclass(frozen=True)
class StackScore:
    """How one scene came out by one method: its metrics by name, or what went wrong."""

    method: str
    suite: Suite
    seed: int
    values: dict[str, float] = field(default_factory=dict)
    failure: str | None = None

    @property
    def name(self) -> str:
        """The scene and the method."""
        return f"{self.suite}/{self.seed:06} by {self.method}"


def score_all(
    settings: EvalPeelSettings, methods: Sequence[PeelMethod], stop: StopFlag
) -> Iterator[StackScore]:
    """Draw every scene, take it apart by every method, and score it, until `stop` is asked.

    What is wrong with a model or a device is raised; anything else is a scene's failure.
    """
    for suite, seed in settings.scenes:
        if stop.asked:
            return
        scene = draw_suite(suite, seed, settings.side)
        for method in methods:
            yield _scored(scene, suite, method)


def _scored(scene: LayeredScene, suite: Suite, method: PeelMethod) -> StackScore:
    """Score one scene; what goes wrong with it is its own failure."""
    try:
        began = time.perf_counter()
        stack = method(scene)
        seconds = time.perf_counter() - began
        return StackScore(
            method.name, suite, scene.seed, {**score(scene, stack), "seconds": seconds}
        )
    except Exception as error:
        is_ours = isinstance(error, BirefcliError)
        # What is wrong with the model or the device is no scene's fault.
        if is_ours and not isinstance(error, PictureError):
            raise
        if os.environ.get("BIREFCLI_DEBUG") and not is_ours:
            raise
        failed = StackScore(
            method.name, suite, scene.seed, failure=f"{type(error).__name__}: {error}"
        )
        return replace(failed, failure=f"{failed.name}: {failed.failure}")


def score(scene: LayeredScene, stack: Stack) -> dict[str, float]:
    """Give every metric of a scene's stack by name, without its time."""
    truth = truth_of(scene)
    layers = tuple(layer.rgba for layer in stack.layers)
    is_invented = stack.invented > 0 if stack.invented.size else np.zeros(stack.size, bool)
    told = PredictedStack(np.ascontiguousarray(stack.background[..., :3]), layers, is_invented)
    values = {**exactness(stack, picture(scene)), **measure_stack(truth, told)}
    for name, least in GROUPINGS.items():
        true = truth.background, truth.layers
        for edits, at in enumerate(layerd_scores(true, (told.background, layers), least)):
            values |= {f"{name}-rgb-{edits}": at.rgb, f"{name}-iou-{edits}": at.iou}
    return values


def exactness(stack: Stack, shown: Rgb) -> dict[str, float]:
    """Lay a stack back in several ways: the most pixels that differ, and the most levels in floats.

    In whole numbers, by Pillow, and from an .ora and a .psd read again nothing may differ.
    """
    opaque = np.full(stack.size, 255, np.uint8)
    whole = np.dstack([shown, opaque])
    layers = [layer.rgba for layer in stack.layers]
    source = SourceRecord(file="scene.png", sha256="", mode="RGB")
    export = prepare_export(stack, whole, source, b"{}")
    laid = (
        composite(stack.background, layers),
        composite_with_pillow(stack.background, layers),
        composite_all(read_ora(write_ora(export))),
        composite_all(read_psd(write_psd(export))),
    )
    return {
        "differing-px": float(max(compare(whole, other).differing_px for other in laid)),
        "float-error": float(np.abs(laid_in_floats(stack) - shown).max()),
    }


def laid_in_floats(stack: Stack) -> np.ndarray:
    """Lay a stack over its opaque background without rounding (H, W, 3), on 0…255."""
    laid = stack.background[..., :3].astype(np.float64)
    for layer in stack.layers:
        share = layer.rgba[..., 3:] / 255
        laid = share * layer.rgba[..., :3] + (1 - share) * laid
    return laid
