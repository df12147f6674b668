"""Adapting a backbone: what of it moves (`methods`), what it learns from (`objective`), the loop, and the artifact that comes out."""
