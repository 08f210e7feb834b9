"""Records that other services send: their shapes, and how each comes into its store."""
