"""minigrad beside its peers, as ratios: ``python -m benchmarks``."""
