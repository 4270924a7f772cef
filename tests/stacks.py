"""Stacks drawn by hand: exact by construction, with every kind of evidence."""

from dataclasses import replace

import numpy as np

from birefcli.image.types import Rgba
from birefcli.matte.morphology import Size
from birefcli.stack.compositing import composite
from birefcli.stack.formats.table import format_names
from birefcli.stack.formats.write_all import stack_files
from birefcli.stack.types import (
    DepthSpan,
    Edge,
    EngineRecord,
    Evidence,
    Fill,
    Hole,
    Layer,
    PictureKind,
    SourceRecord,
    Stack,
    StopReason,
    StopRule,
    Vote,
    composed,
)
from birefcli.stack.verify import measure_recomposition

ALL = format_names()
SOURCE = SourceRecord(file="scene.png", sha256="a" * 64, mode="RGB")
ENGINE = EngineRecord(
    version="0.0.0",
    segmenter="fake",
    segmenter_sha256="f" * 64,
    segmenter_size=None,
    inpaint="auto",
    options={"max_layers": 8},
)


def draw_stack(size: Size = (40, 56), seed: int = 0) -> Stack:
    """Two soft disks that overlap, and one that leaves the canvas, over a ground of noise."""
    rng = np.random.default_rng(seed)
    ground = np.full((*size, 4), 255, np.uint8)
    ground[..., :3] = rng.integers(0, 90, (*size, 3))
    reach = max(2, min(size) // 4)
    middles = [(size[0] // 2, size[1] // 3), (size[0] // 2, size[1] // 2), (0, size[1])]
    layers = tuple(
        Layer(name, soft_disk(size, middle, reach, rng), evidence(i))
        for i, (name, middle) in enumerate(
            zip(("03-dög", "cat & <mouse>", "sun"), middles, strict=True)
        )
    )
    invented = np.zeros(size, np.uint8)
    invented[layers[0].rgba[..., 3] == 255] = 1
    rgba = [layer.rgba for layer in layers]
    return Stack(
        background=ground,
        layers=layers,
        kind=PictureKind.PHOTO,
        stop=StopReason(StopRule.NOTHING, "nothing left above 0.5"),
        bottoms=tuple(composed(ground[..., :3], rgba[:i]) for i in range(3)),
        edges=(Edge(2, 1, 0.123456),),
        cycles=((1, 2, 3),),
        invented=invented,
    )


def soft_disk(size: Size, middle: tuple[int, int], reach: int, rng: np.random.Generator) -> Rgba:
    """A disk of noise with a soft rim, its colour 0 where it is transparent."""
    y, x = np.ogrid[: size[0], : size[1]]
    distance = np.hypot(y - middle[0], x - middle[1])
    alpha = np.clip((reach - distance) * 80, 0, 255).astype(np.uint8)
    color = rng.integers(100, 256, (*size, 3)) * (alpha[..., None] > 0)
    return np.dstack([color, alpha]).astype(np.uint8)


def evidence(number: int) -> Evidence:
    """Something in every field."""
    return Evidence(
        step=1 + number,
        confidence=0.98765432,
        exposure=-0.00001,
        votes=(Vote(2, 0.5, -1.0, None, 1 / 3),),
        hidden_px=7,
        alpha_raised_px=1,
        hole=Hole(100, 80, 20, 3),
        fill=Fill("exemplar", 2.06, True) if number else None,
        parent=None if number else 2,
        depth=DepthSpan(0.5, 0.25, 0.75) if number == 1 else None,
    )


def thin_stack() -> Stack:
    """A stack of a picture with alpha of its own: every thin pixel is in one layer only."""
    stack = draw_stack()
    thin = np.zeros(stack.size, bool)
    thin[:8] = True
    ground = stack.background.copy()
    layers = [layer.rgba.copy() for layer in stack.layers]
    for rgba in layers:
        rgba[thin] = 0
    ground[thin, 3] = 77
    ground[:8, 40:] = 0
    layers[2][:4, 48:] = (9, 200, 30, 128)
    return replace(
        stack,
        background=ground,
        bottoms=tuple(composed(ground[..., :3], layers[:i]) for i in range(3)),
        layers=tuple(
            replace(layer, rgba=rgba) for layer, rgba in zip(stack.layers, layers, strict=True)
        ),
    )


def bare_stack(size: Size = (8, 8)) -> Stack:
    """A stack in which nothing was found."""
    ground = np.full((*size, 4), 255, np.uint8)
    ground[..., 0] = np.arange(size[1])
    stop = StopReason(StopRule.NOTHING, "the matte stays below 0.5")
    return Stack(background=ground, layers=(), kind=PictureKind.FLAT, stop=stop)


def picture_of(stack: Stack) -> Rgba:
    """What a stack was peeled from (H, W, 4)."""
    return composite(stack.background, [layer.rgba for layer in stack.layers])


def files_of(stack: Stack, *formats: str, source: SourceRecord = SOURCE) -> dict[str, bytes]:
    """The files of a stack by name."""
    picture = picture_of(stack)
    difference = measure_recomposition(stack, picture)
    return stack_files(stack, picture, source, ENGINE, difference, formats)
