"""Features are data: specs in, one Ibis expression out, and a frame that carries both."""
