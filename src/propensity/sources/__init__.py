"""Any company's tables become the canonical ones, checked, with bad rows set aside and counted."""
