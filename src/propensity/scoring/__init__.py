"""From features to a ranked, explained list: score, gate, rank, reasons."""
