"""Used by all other packages: attribute names, the current call, versions."""
