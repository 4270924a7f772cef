"""The parts a scene is made of, and a picture drawn to play one."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from birefcli.image import Alpha


class Part(StrEnum):
    """The kinds of pictures that a composition asks for."""

    PHOTO = "photo"
    PIXEL_SPRITE = "pixel_sprite"
    SMOOTH_SPRITE = "smooth_sprite"
    PHOTO_GROUND = "photo_ground"
    GAME_GROUND = "game_ground"
    TILE = "tile"
    LAYER = "layer"

    @property
    def words(self) -> str:
        """What messages call it."""
        return self.replace("_", " ")


OBJECTS = (Part.PHOTO, Part.PIXEL_SPRITE, Part.SMOOTH_SPRITE)


@dataclass(frozen=True, eq=False)
class DrawnPicture:
    """A drawn picture, where it comes from, and its mask and class where it has them."""

    name: str
    pixels: NDArray[np.uint8]  # (H, W, 3), with alpha (H, W, 4) for sprites and layers
    mask: Alpha | None = None  # (H, W), of a photo
    unknown: Alpha | None = None  # (H, W), 255 where that mask says nothing
    class_name: str | None = None


class Provider(Protocol):
    """A source of pictures that play the parts of a scene."""

    def count(self, part: Part) -> int:
        """Give how many pictures can play a part."""

    def draw(self, rng: Generator, part: Part) -> DrawnPicture:
        """Draw one; a picture that cannot be read is a BirefcliError that names it."""
