"""From a folder of files that nobody here has seen to a commented configuration: look, guess, doubt, write."""
