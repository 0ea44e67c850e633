"""Makes one HTML file with the traces of journals. A script in the file draws the page."""
