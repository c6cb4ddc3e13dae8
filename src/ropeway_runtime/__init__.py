"""What serves: a model server that checks every byte of a model against an expected digest before it loads it."""

VERSION = "0.1.0"
