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
