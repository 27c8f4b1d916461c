"""How much each may ask: rows by key, counted once for all workers, and for all replicas."""
