"""Animations: a GIF, an APNG or a WebP as frames with their times, read and written back."""

from birefcli.image.animation.read import is_animated, read_frames
from birefcli.image.animation.types import Animation, Container, FramePalette
from birefcli.image.animation.write import write_frames

__all__ = ["Animation", "Container", "FramePalette", "is_animated", "read_frames", "write_frames"]
