"""Reports of phantoms, as radiologists write them."""
