"""A stack of layers: its types, its files written, read and verified, and its composed picture."""
