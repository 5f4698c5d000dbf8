"""The version, in the one place that packaging, manifests and `intentml.__version__` read it from."""

__version__ = "0.1.0"
