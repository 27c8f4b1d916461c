"""Feedback: clients tell what became true of what was predicted for them."""
