"""Scripts a maintainer runs: they keep the notebooks and the package in step."""
