"""The version, in the one place that packaging, manifests and `intentml.__version__` read it from."""

from typing import Final

__version__: Final = "0.1.0"
