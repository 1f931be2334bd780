"""The product: the SAR-NDVI fusion network of Scarpa et al. (2018) in PyTorch, from GeoTIFF to GeoTIFF."""
