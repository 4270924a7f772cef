"""A run over many pictures: inputs, names, plans, journals, reports, executor and runner."""
