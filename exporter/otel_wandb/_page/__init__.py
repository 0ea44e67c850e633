"""One HTML file with the traces of journals, drawn by its own script."""
