"""The choice of a filler, hole by hole: each is tried on a hole like it whose content is known."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.image import Mask, Rgb, looks_hard
from birefcli.inpaint.ground import continue_planes, is_smooth
from birefcli.inpaint.holes import blind_fill, box_index, hole_box, labels_matter
from birefcli.inpaint.lama import Lama, Network
from birefcli.inpaint.load import fillers_for
from birefcli.inpaint.protocol import (
    Filled,
    FillTask,
    Inpainter,
    RecordsWeights,
    ReportingInpainter,
    fill_task,
)
from birefcli.inpaint.table import HoleGround

PROXIES = 2
LONGEST = 64  # the long side of a proxy hole; a larger hole is tried out smaller
GAP = 4  # pixels between the hole and its proxy
CONTEXT = 48  # pixels around a proxy that fillers see
# The first filler wins unless it is worse by more than this share: the ground has spoken for it,
# and proxies are few.
LEEWAY = 0.2

# A drawn picture runs straight nearly everywhere: no pixel strays from the mean of its neighbours.
# Compression leaves less of that, but no colours either.
STRAIGHT_SHARE, SOME_STRAIGHT_SHARE = 0.85, 0.3
FEW_COLORS, FEW_SHARE = 16, 0.9  # colours of 5 bits a channel, and how much they cover

# How far apart a fill and the truth look: by colour where a few pixels' shift makes no difference,
# and by how much goes on among neighbours, so that a blur does not pass for a texture.
COARSE = 3.0  # sigma in pixels


@dataclass(frozen=True)
class AutoInpainter(ReportingInpainter):
    """Fills with what does best on proxy holes; graphics and pixel art are copied without a trial.

    A plane, such as an even wall or a gradient, is continued exactly before anything is tried.
    """

    fillers: tuple[Inpainter, ...] = field(default_factory=lambda: fillers_for(HoleGround.TEXTURED))
    # Come before them where the ground around the hole is smooth.
    smooth: tuple[Inpainter, ...] = field(default_factory=lambda: fillers_for(HoleGround.SMOOTH))
    # A filler that takes so long that it is tried on one proxy only.
    slow: Inpainter | None = None
    drawn: Inpainter = field(default_factory=lambda: fillers_for(HoleGround.DRAWN)[0])
    leeway: float = LEEWAY
    name: str = "auto"

    @property
    def provenance(self) -> Mapping[str, str]:
        """What the manifest records of the slow filler's weights."""
        return self.slow.provenance if isinstance(self.slow, RecordsWeights) else {}

    def fill(self, task: FillTask) -> Filled:
        """Fill the hole, and tell by whom and how well that did on the proxies."""
        rgb, hole, labels = task.rgb, task.hole, task.labels
        if blind_fill(rgb, hole) is not None:
            return fill_task(self.drawn, task)
        source = ~hole if task.source is None else ~hole & task.source
        plain, rest = continue_planes(rgb, hole, source, labels)
        if not rest.any():
            return Filled(plain, "plane", label_prior=labels_matter(hole, labels))
        task = replace(task, rgb=plain, hole=rest, source=source)
        best, error = self.drawn, None
        if not is_drawn(rgb, ~hole):
            best, error = self._best(task)
        return replace(fill_task(best, task), proxy_l1=error)

    def _best(self, task: FillTask) -> tuple[Inpainter, float | None]:
        """Return the filler that looks best on the proxies, and its error in levels, if any."""
        assert task.source is not None
        proxies = proxy_holes(task.hole, task.source)
        if not proxies:
            return self.fillers[0], None
        fillers = list(self.fillers)
        if is_smooth(task.rgb, task.hole, task.source, task.labels):
            fillers = [*self.smooth, *fillers]
        if self.slow is not None:
            fillers.append(self.slow)
        trials = []
        for inpaint in fillers:
            # One proxy is enough where there is nothing to choose: then only the error is told.
            is_brief = inpaint is self.slow or len(fillers) == 1
            tried = proxies[:1] if is_brief else proxies
            each = [_try(inpaint, task, proxy) for proxy in tried]
            trials.append(np.mean(each, axis=0))
        looks = [float(trial[0]) for trial in trials]
        best = int(np.argmin(looks))
        if looks[0] <= looks[best] * (1 + self.leeway):
            best = 0
        return fillers[best], float(trials[best][1])


def auto_with_network(network: Network) -> AutoInpainter:
    """Return the choice with a network as its slow candidate."""
    return AutoInpainter(slow=Lama.from_network(network))


def is_drawn(rgb: Rgb, known: Mask) -> bool:
    """Whether the `known` pixels (H, W) are pixel art or flat graphics, which copies keep clean."""
    if looks_hard(rgb):
        return True
    inner = cv2.erode(known.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if not inner.any():
        return False
    levels = rgb.astype(np.int16)
    across = np.abs(np.diff(levels, 2, axis=1)[1:-1]).max(-1)
    down = np.abs(np.diff(levels, 2, axis=0)[:, 1:-1]).max(-1)
    straight = float((np.maximum(across, down) <= 1)[inner[1:-1, 1:-1]].mean())
    if straight >= STRAIGHT_SHARE:
        return True
    red, green, blue = np.moveaxis(rgb[known].astype(np.int32) >> 3, -1, 0)
    counts = np.sort(np.bincount(red << 10 | green << 5 | blue))[::-1]
    is_few = bool(counts[:FEW_COLORS].sum() >= FEW_SHARE * counts.sum())
    return is_few and straight >= SOME_STRAIGHT_SHARE


def proxy_holes(hole: Mask, known: Mask) -> list[Mask]:
    """Return up to two masks (H, W) of the hole's shape beside it, the better known one first."""
    left, top, right, bottom = hole_box(hole, 0)
    shape = hole[top:bottom, left:right]
    height, width = shape.shape
    shrink = min(1.0, LONGEST / max(height, width))
    small = max(round(height * shrink), 1), max(round(width * shrink), 1)
    stamp = cv2.resize(
        shape.astype(np.uint8), (small[1], small[0]), interpolation=cv2.INTER_AREA
    ).astype(np.bool_)
    stamp = stamp if stamp.any() else np.ones(small, np.bool_)
    found: list[tuple[int, Mask]] = []
    for down in (0, -1, 1):
        for over in (0, -1, 1):
            y = (top + bottom - small[0]) // 2 + down * ((height + small[0]) // 2 + GAP)
            x = (left + right - small[1]) // 2 + over * ((width + small[1]) // 2 + GAP)
            proxy = _stamped(hole.shape, stamp, y, x) & known
            if (down or over) and 2 * proxy.sum() >= stamp.sum():
                found.append((int(proxy.sum()), proxy))
    found.sort(key=lambda pair: -pair[0])
    return [proxy for _, proxy in found[:PROXIES]]


def _stamped(size: tuple[int, ...], stamp: Mask, y: int, x: int) -> Mask:
    """Put a small mask into an empty large one, as far as it reaches into it."""
    mask = np.zeros(size, np.bool_)
    bottom, right = min(y + stamp.shape[0], size[0]), min(x + stamp.shape[1], size[1])
    top, left = max(y, 0), max(x, 0)
    if top < bottom and left < right:
        mask[top:bottom, left:right] = stamp[top - y : bottom - y, left - x : right - x]
    return mask


def _try(inpaint: Inpainter, task: FillTask, proxy: Mask) -> tuple[float, float]:
    """Fill a proxy hole; return how far off it looks, and its mean error, both in levels."""
    box = box_index(hole_box(proxy, CONTEXT))
    rgb, wanted = task.rgb[box], proxy[box]
    trial = FillTask(
        rgb,
        task.hole[box] | wanted,
        None if task.labels is None else task.labels[box],
        None if task.source is None else task.source[box],
        task.seed,
    )
    filled = fill_task(inpaint, trial).rgb
    apart = np.abs(filled[wanted].astype(np.int32) - rgb[wanted])
    return visible_difference(filled, rgb, wanted), float(apart.mean())


def visible_difference(filled: Rgb, truth: Rgb, hole: Mask) -> float:
    """Return how far apart a fill and the truth look inside the hole, in levels.

    It is the mean difference of blurred colours, and of how far pixels stray from those.
    """
    one, other = filled.astype(np.float32), truth.astype(np.float32)
    color = np.abs(_coarse(one) - _coarse(other))[hole].mean()
    lively = np.abs(_liveliness(one) - _liveliness(other))[hole].mean()
    return float(color + lively)


def _coarse(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), COARSE), np.float32)


def _liveliness(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give how far pixels stray from their surroundings, averaged over those."""
    return _coarse(np.abs(picture - _coarse(picture)))
