"""Lists leave the house here: whole or not at all, and harmless in whatever opens them."""
