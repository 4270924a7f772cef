"""The pictures a training learns from: found, checked, split, and drawn from."""
