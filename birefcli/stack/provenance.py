"""What a manifest says beside the layers: the picture it came from, and what peeled it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Source:
    """The picture that was peeled."""

    file: str
    sha256: str
    mode: str  # as its file has it: RGB, RGBA, P, L, …
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What peeled it, in the words of the manifest."""

    version: str
    segmenter: str
    segmenter_sha256: str
    segmenter_size: tuple[int, int] | None  # (width, height); None: the weights decide
    inpaint: str
    lama_sha256: str | None = None
    depth: str | None = None
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """How a recomposed stack differs from the picture."""

    differing_px: int
    max_abs: int
    soft_overlap_px: int = 0  # where several soft layers lie over one another

    @property
    def is_exact(self) -> bool:
        """Whether no pixel differs."""
        return self.differing_px == 0
