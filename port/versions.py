"""The versions that a result depends on, by name."""

import platform
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("sar2ndvi", "torch", "numpy", "rasterio", "safetensors")


def versions() -> dict[str, str]:
    """Python, this product and the libraries that touch numbers; "not installed" for one run from its source folder."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
