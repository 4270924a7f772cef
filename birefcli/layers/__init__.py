"""Stacks as files: which pictures are peeled to where, all formats of a stack, reading back."""
