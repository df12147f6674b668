"""How `tiny` is trained and measured."""
