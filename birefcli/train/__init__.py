"""Training: the data, the losses and the loop."""
