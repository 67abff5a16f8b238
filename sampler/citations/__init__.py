"""What to cite for a run: the references of every method and engine that its manifest and its models name."""
