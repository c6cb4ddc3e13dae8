"""What the stages need from the outside world: Protocols with their value types, one file a noun."""
