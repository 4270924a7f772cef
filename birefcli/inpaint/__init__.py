"""What fills the hole that a lifted object leaves: copying, smoothing, or a network."""
