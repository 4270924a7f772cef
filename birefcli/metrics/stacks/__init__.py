"""How good a stack of layers is, beside the true layers of its scene."""
