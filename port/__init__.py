"""The product: the SAR-NDVI fusion network of Scarpa et al. (2018) in PyTorch, from GeoTIFF to GeoTIFF."""

import os

# Read when PyTorch loads OpenMP. Threads that spin while they wait slow a shared machine down: four times, measured.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
