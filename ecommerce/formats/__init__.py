"""How each language writes days and moments: one way each, wherever people read them."""
