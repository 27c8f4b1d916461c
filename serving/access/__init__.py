"""Who asks, and whether they may: the same for every protocol."""
