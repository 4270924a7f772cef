"""What is written for a picture: which products, in which format, with which edges."""

from enum import StrEnum


class Product(StrEnum):
    """What can be written for a picture."""

    CUTOUT = "cutout"
    MASK = "mask"
    PREVIEW = "preview"


class Format(StrEnum):
    """How a result is stored."""

    PNG = "png"
    WEBP = "webp"
    JPG = "jpg"
    GIF = "gif"


SUFFIXES = {
    ".png": Format.PNG,
    ".apng": Format.PNG,
    ".webp": Format.WEBP,
    ".jpg": Format.JPG,
    ".jpeg": Format.JPG,
    ".gif": Format.GIF,
}


class PackForm(StrEnum):
    """Which JSON lies beside a packed sheet."""

    ASEPRITE_HASH = "aseprite-hash"
    ASEPRITE_ARRAY = "aseprite-array"
    TEXTUREPACKER_HASH = "texturepacker-hash"
    TEXTUREPACKER_ARRAY = "texturepacker-array"


class AlphaMode(StrEnum):
    """Whether edges are soft or every pixel is decided; auto is hard for small few-coloured art."""

    AUTO = "auto"
    SOFT = "soft"
    HARD = "hard"


class Anchor(StrEnum):
    """Where on a larger canvas a cutout is held."""

    TOP_LEFT = "top-left"
    TOP = "top"
    TOP_RIGHT = "top-right"
    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"
    BOTTOM_LEFT = "bottom-left"
    BOTTOM = "bottom"
    BOTTOM_RIGHT = "bottom-right"


EVERYWHERE = "all"  # how far colour is spread
