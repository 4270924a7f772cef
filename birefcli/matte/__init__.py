"""What is done with a matte: its shape, its colours, pixel art, and the cutout it makes."""
