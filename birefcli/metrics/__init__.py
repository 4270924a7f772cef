"""Scores of a matte against its truth: the segmentation benchmarks' and the matting ones."""

from birefcli.metrics.pixels import iou, mae

__all__ = ["iou", "mae"]
