"""One analysis a file."""
