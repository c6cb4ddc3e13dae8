"""Jobs, endpoints and their metrics on this machine."""
