"""Parting what a segmenter found into instances, one per object."""
