"""Time: what was known when, which snapshots count, what became of them, and how history is split."""
