"""The walks: one story per command, from its settings to its outcomes."""
