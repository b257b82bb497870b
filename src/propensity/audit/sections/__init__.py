"""The sections of the evidence pack: facts of a training in, blocks of the page out."""
