"""propensity: which leads become prospects."""

__version__ = "0.1.0"
