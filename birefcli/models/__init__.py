"""The models by name: the table, their files here and on the hub, and running them."""
