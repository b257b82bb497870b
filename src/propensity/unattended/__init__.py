"""Runs that nobody watches: the nightly list and the retraining, with lock, log, summary and exit codes."""
