"""Which model: trained on the past, judged on what came after, promoted only if it is not worse."""
