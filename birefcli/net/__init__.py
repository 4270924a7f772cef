"""BiRefNet in plain torch: the network, its checkpoints, and running it on pictures."""
