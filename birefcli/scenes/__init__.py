"""Scenes composed of sprites, photographs and drawings, whose truth is known."""
