"""Where the parts of training scenes come from: packs, own pictures, and drawings for the rest."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from birefcli.errors import BirefcliError
from birefcli.image import Rgb, Rgba, rescale
from birefcli.matte import Size, over
from birefcli.scenes import (
    Photo,
    SampleShares,
    gradient,
    pixel_ground,
    smooth_ground,
    stripes,
    texture,
    trim,
)
from birefcli.settings import OnBad, TrainSettings
from birefcli.train.data.examples import (
    Example,
    LabelledPicture,
    PictureRole,
    read,
    read_labelled,
    read_sprite,
)
from birefcli.train.data.scene_parts import OBJECTS, DrawnPicture, Part, Provider

_PARTS = {
    PictureRole.PHOTO: (Part.PHOTO,),
    PictureRole.PIXEL_SPRITE: (Part.PIXEL_SPRITE,),
    PictureRole.SMOOTH_SPRITE: (Part.SMOOTH_SPRITE,),
    PictureRole.GROUND: (Part.PHOTO_GROUND, Part.GAME_GROUND),
    PictureRole.TILE: (Part.TILE,),
}
_GROUNDS = (Part.PHOTO_GROUND, Part.GAME_GROUND, Part.TILE)
OVER_DRAWN = 0.2  # of the sprites may stand before plain fields where grounds are given
_TRIES = 100  # draws before a set is given up as unreadable
_LARGE = 256  # pixel art is shown at least this large in validation
_LARGEST = 640  # a sprite laid by itself is at most this large


class OwnPictures:
    """The pictures of one's own sets; each example is as likely as any other of its kind."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self._pools: dict[Part, list[Example]] = {}
        for example in examples:
            for part in _PARTS[example.kind]:
                self._pools.setdefault(part, []).append(example)

    def count(self, part: Part) -> int:
        """Give how many pictures can play a part."""
        return len(self._pools.get(part, ()))

    def draw(self, rng: Generator, part: Part) -> DrawnPicture:
        """Draw a picture that plays the part; one that cannot be read is a PictureError."""
        pool = self._pools[part]
        example = pool[rng.integers(len(pool))]
        if part == Part.PHOTO:
            picture = read_labelled(example)
            return DrawnPicture(
                example.name, picture.rgb, picture.mask, class_name=example.class_name
            )
        is_sprite = example.kind.is_sprite
        pixels = read_sprite(example) if is_sprite else read(example.picture).rgb
        return DrawnPicture(example.name, pixels, class_name=example.class_name)


class PictureSupply:
    """All providers as one `composition.Supply`; a part that none of them has is drawn.

    It notes the objects and grounds it gave in `given`, and in `bad` what could not be read and
    was replaced by another draw. `begin` empties both.
    """

    def __init__(self, providers: Sequence[Provider], on_bad: OnBad = OnBad.SKIP) -> None:
        self._providers = tuple(providers)
        self._on_bad = on_bad
        self.given: list[DrawnPicture] = []
        self.bad: dict[str, None] = {}

    @property
    def has_pack(self) -> bool:
        """Whether any object comes from a data pack."""
        packs = [one for one in self._providers if not isinstance(one, OwnPictures)]
        return any(pack.count(part) for pack in packs for part in OBJECTS)

    def begin(self) -> None:
        """Forget what was given so far: a new sample begins."""
        self.given, self.bad = [], {}

    def count(self, part: Part) -> int:
        """Give how many pictures can play a part."""
        return sum(provider.count(part) for provider in self._providers)

    def draw(self, rng: Generator, part: Part) -> DrawnPicture:
        """Draw a piece from a provider, the larger the likelier; an unreadable one is replaced."""
        holders = [provider for provider in self._providers if provider.count(part)]
        for _ in range(_TRIES):
            provider = holders[0] if len(holders) == 1 else self._pick(rng, part, holders)
            try:
                piece = provider.draw(rng, part)
            except BirefcliError as error:
                if self._on_bad == OnBad.FAIL:
                    # A plain error, which travels from a worker to the loop.
                    raise BirefcliError(
                        f"{error}; put it back, or take --on-bad skip, and go on with --resume"
                    ) from error
                self.bad[str(error)] = None
                continue
            self.given.append(piece)
            return piece
        raise BirefcliError(
            f"no {part.words} can be read any more ({next(iter(self.bad))}); "
            "put the files back and go on with --resume"
        )

    @staticmethod
    def _pick(rng: Generator, part: Part, holders: Sequence[Provider]) -> Provider:
        weights = np.sqrt([provider.count(part) for provider in holders])
        return holders[rng.choice(len(holders), p=weights / weights.sum())]

    @cached_property
    def _has(self) -> dict[Part, bool]:
        return {part: self.count(part) > 0 for part in Part}

    # The parts of a scene (composition.Supply).

    def photo(self, rng: Generator) -> Photo:
        """Give a photograph and its object's mask; without any, a sprite on a ground."""
        if self._has[Part.PHOTO]:
            piece = self.draw(rng, Part.PHOTO)
            assert piece.mask is not None
            return Photo(piece.pixels, piece.mask, piece.unknown)
        return lay_on_ground(rng, self.smooth_sprite(rng), self, is_pixel=False)

    def pixel_sprite(self, rng: Generator) -> Rgba:
        """Give a piece of pixel art (H, W, 4); without any, another sprite."""
        part = Part.PIXEL_SPRITE if self._has[Part.PIXEL_SPRITE] else Part.SMOOTH_SPRITE
        return self.draw(rng, part).pixels if self._has[part] else self._cutout(rng)

    def smooth_sprite(self, rng: Generator) -> Rgba:
        """Give a cut-out (H, W, 4); without any, another sprite."""
        part = Part.SMOOTH_SPRITE if self._has[Part.SMOOTH_SPRITE] else Part.PIXEL_SPRITE
        return self.draw(rng, part).pixels if self._has[part] else self._cutout(rng)

    def photo_ground(self, rng: Generator) -> Rgb:
        """Give a photograph without a main object (H, W, 3)."""
        return self._ground(rng, Part.PHOTO_GROUND, Part.GAME_GROUND)

    def game_ground(self, rng: Generator) -> Rgb:
        """Give an opaque picture of game scenery (H, W, 3)."""
        return self._ground(rng, Part.GAME_GROUND, Part.PHOTO_GROUND)

    def tile(self, rng: Generator) -> Rgb:
        """Give a small picture that repeats (H, W, 3): without tiles a piece of a ground."""
        if self._has[Part.TILE]:
            return self.draw(rng, Part.TILE).pixels
        side = int(rng.choice([16, 24, 32, 48]))
        if not (self._has[Part.GAME_GROUND] or self._has[Part.PHOTO_GROUND]):
            return _drawn(rng, (side, side))
        ground = self.game_ground(rng)
        height, width = (min(side, length) for length in ground.shape[:2])
        top = int(rng.integers(0, ground.shape[0] - height + 1))
        left = int(rng.integers(0, ground.shape[1] - width + 1))
        return ground[top : top + height, left : left + width]

    def layer(self, rng: Generator) -> Rgba:
        """Give a scenery layer (H, W, 4); without any, a drawn chain of hills."""
        if self._has[Part.LAYER]:
            return self.draw(rng, Part.LAYER).pixels
        height, width = (int(n) for n in rng.integers(48, 128, 2))
        heights = np.interp(np.arange(width), np.linspace(0, width - 1, 6), rng.uniform(0.1, 1, 6))
        rows = np.arange(height)[:, None]
        alpha = np.where(rows >= height * (1 - heights), 255, 0).astype(np.uint8)
        return np.dstack([_drawn(rng, (height, width)), alpha])

    def _ground(self, rng: Generator, *parts: Part) -> Rgb:
        for part in parts:
            if self._has[part]:
                return self.draw(rng, part).pixels
        size = int(rng.integers(64, 257)), int(rng.integers(64, 257))
        return _drawn(rng, size)

    def _cutout(self, rng: Generator) -> Rgba:
        photo = self.photo(rng)
        return trim(np.dstack([photo.rgb, photo.mask]))


def sample_shares_of(settings: TrainSettings, supplies: PictureSupply) -> SampleShares:
    """Give the shares of the samples; kinds the data lacks leave theirs to those it has.

    Of one's own pictures, kinds also count by their number: one soft sprite among hundreds of
    hard ones is not drawn half of the time.
    """
    mixture = SampleShares(
        photo=settings.photo,
        empty=settings.empty,
        pixel=settings.pixel,
        display=settings.display,
        same_color=settings.same_color,
        target=settings.target,
    )
    shares = {
        Part.PHOTO: settings.photo,
        Part.PIXEL_SPRITE: settings.pixel,
        Part.SMOOTH_SPRITE: 1 - settings.photo - settings.empty - settings.pixel,
    }
    counts = {part: supplies.count(part) for part in shares}
    if supplies.has_pack and all(counts.values()):
        return mixture
    if settings.as_is and counts[Part.PHOTO] == sum(counts.values()):
        return replace(mixture, photo=1.0, empty=0.0, pixel=0.0)
    if not supplies.has_pack:
        # Grounds of one's own are where the sprites will stand.
        if any(supplies.count(part) for part in _GROUNDS):
            mixture = replace(mixture, plain=OVER_DRAWN)
        shares = {part: share * counts[part] for part, share in shares.items()}
    present = {part: share for part, share in shares.items() if counts[part]}
    total = sum(present.values())
    if total <= 0:
        present = {part: float(counts[part]) for part in present}
        total = sum(present.values())
    scale = (1 - settings.empty) / total
    photo, pixel = (present.get(p, 0.0) * scale for p in (Part.PHOTO, Part.PIXEL_SPRITE))
    return replace(mixture, photo=photo, pixel=pixel)


def lay_on_ground(
    rng: Generator, sprite: Rgba, supplies: PictureSupply, *, is_pixel: bool
) -> Photo:
    """Lay one sprite whole onto a ground somewhat larger than itself."""
    if max(sprite.shape) > _LARGEST:
        scale = _LARGEST / max(sprite.shape)
        height, width = (max(1, round(n * scale)) for n in sprite.shape[:2])
        sprite = rescale(sprite, (height, width))
    height, width = (max(24, round(n * rng.uniform(1.2, 2.0))) for n in sprite.shape[:2])
    make = pixel_ground if is_pixel else smooth_ground
    ground = make(rng, (height, width), supplies)
    top = int(rng.integers(0, height - sprite.shape[0] + 1))
    left = int(rng.integers(0, width - sprite.shape[1] + 1))
    full = np.zeros((height, width, 4), np.uint8)
    full[top : top + sprite.shape[0], left : left + sprite.shape[1]] = sprite
    matte = full[..., 3].astype(np.float32) / np.float32(255)
    return Photo(over(full[..., :3], matte, ground), full[..., 3].copy())


def sprite_scene(
    example: Example, variant: int, supplies: PictureSupply, seed: int
) -> LabelledPicture:
    """Compose a held-out sprite over a ground; the same variant is always the same scene."""
    supplies.begin()
    # The name and not its place decides, so that a larger set keeps the scenes it had.
    name = np.frombuffer(example.picture.name.encode(), np.uint8)
    rng = np.random.default_rng((seed, 3, variant, *name.tolist()))
    is_pixel = example.kind == PictureRole.PIXEL_SPRITE
    laid = lay_on_ground(rng, read_sprite(example), supplies, is_pixel=is_pixel)
    rgb, mask = laid.rgb, laid.mask
    if is_pixel:
        factor = max(1, -(-_LARGE // max(mask.shape)))
        rgb, mask = (np.repeat(np.repeat(a, factor, 0), factor, 1) for a in (rgb, mask))
    return LabelledPicture(example.source, rgb, mask, f"{example.name} #{variant + 1}")


def _drawn(rng: Generator, size: Size) -> Rgb:
    """Draw a ground of no picture: coloured noise, a gradient, or either in coarse pixels."""
    makers: tuple[Callable[[Generator, Size], NDArray[np.uint8]], ...] = (
        texture,
        gradient,
        stripes,
    )
    make = makers[rng.choice(len(makers), p=[0.6, 0.25, 0.15])]
    if rng.random() < 0.5:
        return make(rng, size)
    height, width = size
    coarse = make(rng, (-(-height // 4), -(-width // 4)))
    return np.repeat(np.repeat(coarse, 4, 0), 4, 1)[:height, :width]
