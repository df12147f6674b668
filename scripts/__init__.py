"""Entry points, thin: the command line, benchmarks, sheets of pictures. May import every other folder."""
