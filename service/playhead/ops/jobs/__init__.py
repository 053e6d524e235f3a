"""Jobs: what is done by the clock or when somebody asks, each by one run at a time."""
