"""What decides a picture: its own alpha, a ground that it gives away, or else the network."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from birefcli.errors import UsageError
from birefcli.image import Matte, Picture, Rgb, to_uint8
from birefcli.matte.foreground import parse_color
from birefcli.matte.ground import (
    KEYS,
    find_checker,
    find_ground,
    named_color,
    plain_ground,
)
from birefcli.matte.keying import key
from birefcli.matte.known_ground import Ground
from birefcli.matte.own_alpha import filled_under, ground_inside, is_cutout
from birefcli.matte.pixelart import Grid, art_grid
from birefcli.settings import AlphaMode, CutSettings

AUTO, OFF, CHECKER = "auto", "off", "checker"
NATIVE_SIDE = 4  # pixels of art that are too few to key


class DecidedBy(StrEnum):
    """What told the object from the rest."""

    ALPHA = "alpha"
    ALPHA_AND_GROUND = "alpha and ground"
    GROUND = "ground"
    NETWORK = "network"


@dataclass(frozen=True, eq=False)
class PictureEvidence:
    """What a picture gives away of its object; without a matte the network decides."""

    decided_by: DecidedBy = DecidedBy.NETWORK
    rgb: Rgb | None = None  # (H, W, 3), the object's own colours
    matte: Matte | None = None  # (H, W)
    is_hard: bool = False
    ground: Ground | None = None
    # What was asked for and is not there: a reason, and words.
    missing: tuple[str, str] | None = None

    @property
    def ground_words(self) -> str | None:
        """What the report calls the ground."""
        return None if self.ground is None else self.ground.words

    @property
    def ground_confidence(self) -> float | None:
        """How sure the ground is, 0…1."""
        return None if self.ground is None else round(self.ground.confidence, 3)


def check_key(word: str) -> None:
    """Raise UsageError for a key that is no ground."""
    if word in (AUTO, OFF, CHECKER, *KEYS):
        return
    try:
        parse_color(word)
    except UsageError as error:
        raise UsageError(
            f"--key takes auto, off, checker or a colour such as magenta or #ff00ff, not {word!r}"
        ) from error


def find_evidence(picture: Picture, matte: Matte, settings: CutSettings) -> PictureEvidence:
    """Give what a picture gives away; `matte` (H, W) is what the network sees in it."""
    if picture.alpha is not None and is_cutout(picture.alpha):
        return _by_alpha(
            picture, picture.alpha.astype(np.float32) / np.float32(255), matte, settings
        )
    if settings.key == OFF:
        return PictureEvidence()
    rgb = filled_under(picture)
    grid = _exact_grid(rgb)
    if grid is not None:
        # One decision for every pixel of the art.
        size = picture.size
        seen = grid.native(np.rint(matte[..., None] * 255).astype(np.uint8))[..., 0]
        found = _by_ground(grid.native(rgb), seen.astype(np.float32) / np.float32(255), settings)
        return _enlarged(found, grid, size)
    return _by_ground(rgb, matte, settings)


def _by_alpha(
    picture: Picture, alpha: Matte, matte: Matte, settings: CutSettings
) -> PictureEvidence:
    """Trust the artist's alpha, less a ground that it clearly encloses."""
    whole = PictureEvidence(DecidedBy.ALPHA, picture.rgb, alpha)
    inside = None if settings.key == OFF else ground_inside(picture, matte)
    if inside is None:
        return whole
    ground, where = inside
    keyed = key(np.ascontiguousarray(picture.rgb[where]), ground, matte[where])
    rgb, less = picture.rgb.copy(), alpha.copy()
    rgb[where], less[where] = keyed.rgb, keyed.matte
    return PictureEvidence(
        DecidedBy.ALPHA_AND_GROUND, rgb, np.asarray(less * alpha, np.float32), ground=ground
    )


def _by_ground(rgb: Rgb, matte: Matte, settings: CutSettings) -> PictureEvidence:
    """Take the object off its ground, if there is one."""
    word = settings.key
    ground = _ground(rgb, settings)
    if ground is None:
        if word == AUTO:
            return PictureEvidence()
        what = "checkerboard" if word == CHECKER else f"ground of {word}"
        reason = "no-checkerboard" if word == CHECKER else "no-such-ground"
        return PictureEvidence(missing=(reason, f"no {what} found, so the network decided"))
    keyed = key(rgb, ground, matte, is_hard=False if settings.alpha == AlphaMode.SOFT else None)
    return PictureEvidence(DecidedBy.GROUND, keyed.rgb, keyed.matte, keyed.is_hard, ground)


def _ground(rgb: Rgb, settings: CutSettings) -> Ground | None:
    tolerance = settings.key_tolerance
    if settings.key in (AUTO, CHECKER):
        find: Callable[[Rgb], Ground | None] = find_ground if settings.key == AUTO else find_checker
        ground = find(rgb)
        if ground is None or tolerance is None:
            return ground
        return ground.with_tolerance(rgb, tolerance)
    color = named_color(rgb, settings.key) if settings.key in KEYS else parse_color(settings.key)
    return plain_ground(rgb, color, tolerance)


def _exact_grid(rgb: Rgb) -> Grid | None:
    """Give the grid of art that was enlarged without any change, by two or more."""
    grid = art_grid(rgb)
    if grid is None or grid.step == 1:
        return None
    native = grid.native(rgb)
    size = (rgb.shape[0], rgb.shape[1])
    is_exact = min(native.shape[:2]) >= NATIVE_SIDE and (grid.enlarged(native, size) == rgb).all()
    return grid if is_exact else None


def _enlarged(found: PictureEvidence, grid: Grid, size: tuple[int, int]) -> PictureEvidence:
    """Give what was found at the art's own size at the picture's."""
    if found.rgb is None or found.matte is None or found.ground is None:
        return found
    alpha = grid.enlarged(to_uint8(found.matte[..., None] * 255), size)[..., 0]
    matte = alpha.astype(np.float32) / np.float32(255)
    return replace(found, rgb=grid.enlarged(found.rgb, size), matte=matte)
