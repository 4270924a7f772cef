"""Peeling: a picture becomes an ordered stack of layers that recomposes to it exactly."""
