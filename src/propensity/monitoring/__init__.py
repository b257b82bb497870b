"""Whether the model still looks at the world that it learned from, and whether its lists held what they promised."""
