"""Lifting an instance off: both colours of its edge, the exact layer, and the filled hole."""
