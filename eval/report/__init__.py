"""One self-contained page of what is in a bank."""
