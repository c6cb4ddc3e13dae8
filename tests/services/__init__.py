"""Real services as private instances, for the tests."""
