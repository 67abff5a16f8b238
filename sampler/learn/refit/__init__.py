"""GFN1-xTB with parameters fitted to labels: what is fitted, to which structures, how, and the file that comes of it."""
