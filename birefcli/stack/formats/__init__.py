"""The formats a stack is written in, one file each."""
