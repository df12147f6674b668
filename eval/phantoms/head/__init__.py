"""Heads: anatomy, findings and what looks like them."""
