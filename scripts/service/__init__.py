"""The HTTP service: vectors and search for clients on other machines. Started by `scanbank serve`."""
