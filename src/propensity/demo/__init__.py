"""A simulated CRM, a process in time whose true conversion probabilities are known exactly."""
