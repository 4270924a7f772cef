"""Scores of a matte against its truth: the segmentation benchmarks' and the matting ones."""
