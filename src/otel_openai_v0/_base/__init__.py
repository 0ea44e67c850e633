"""What every room may use: attribute names, the current call, the version."""
