"""A run over many pictures: inputs, names, plans, journals, reports, and the executor."""
