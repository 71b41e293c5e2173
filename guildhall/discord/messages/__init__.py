"""Messages: the one place that builds what Discord shows, and how each is posted once."""
