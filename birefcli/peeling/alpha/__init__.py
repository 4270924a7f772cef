"""Giving an instance the edge that pictures of its kind have."""
