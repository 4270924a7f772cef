"""Deciding which instance is in front of which, and which comes off first."""
