"""The BiRefNet network in plain torch, and the one door between arrays and tensors."""
