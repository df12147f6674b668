"""One file per kind of encoder; `embed/registry.py` lists them and imports each only when it is asked for."""
