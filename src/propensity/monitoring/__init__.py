"""Is the model still looking at the world that it learned from, and did its lists hold what they promised?"""
