"""BentoML's own tests, run with our class where they mean the stock one."""
