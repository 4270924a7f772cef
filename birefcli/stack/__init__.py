"""A stack of layers: what it is, its folder read, verified, and laid back into a picture."""
