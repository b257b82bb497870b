"""What the data hold, and whether they suffice, before anything is trained on them."""
