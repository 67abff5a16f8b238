"""The generated pages of docs/reference, one file a page."""
