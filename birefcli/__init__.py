"""Cut the object out of pictures with BiRefNet, on the command line, in bulk."""

__version__ = "0.1.0"
