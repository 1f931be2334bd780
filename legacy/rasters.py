"""Single-band GeoTIFFs, read and written by GDAL: through its own binding, as the original, or through rasterio's.

The container has osgeo.gdal; on an interpreter of the machine no wheel carries it, and rasterio's carries GDAL itself.
Both are only asked for pixels and for what a header says. Python 2.7 has neither here.
"""
import contextlib
import warnings

import numpy as np

from legacy.trace import BadInput

gdal = rasterio = None
try:
    from osgeo import gdal, osr
except ImportError:
    try:
        import rasterio
    except ImportError:
        pass  # a pipeline request is refused then


def binding():
    """Return (name, GDAL's version): 'osgeo.gdal', else 'rasterio' with its version, else ('none', 'none')."""
    if gdal is not None:
        return "osgeo.gdal", gdal.VersionInfo("RELEASE_NAME")
    if rasterio is not None:
        return "rasterio " + rasterio.__version__, rasterio.__gdal_version__
    return "none", "none"


def read(path):
    """Return (pixels of shape (row, col) in the file's own dtype, header) of the GeoTIFF at ``path``.

    The header is float64: bands, bits a pixel, EPSG code (0: none), 1 if it has a no-data value, then GDAL's six numbers of
    the geotransform. Raises BadInput for a file that GDAL cannot read, and for one of several bands.
    """
    try:
        pixels, header = _read_gdal(path) if gdal is not None else _read_rasterio(path)
    except (RuntimeError, IOError) as error:  # gdal raises the first, rasterio a subclass of the second
        raise BadInput("%s cannot be read as a GeoTIFF: %s. Write the request again." % (path, error))
    if header[0] != 1:
        raise BadInput("%s has %d bands, expected 1. Write the request again." % (path, header[0]))
    return pixels, np.array(header, np.float64)


def write(path, pixels):
    """Write ``pixels`` of shape (row, col) as a bare float32 TIFF: no coordinates, no no-data value."""
    pixels = np.ascontiguousarray(pixels, np.float32)
    if gdal is not None:
        _write_gdal(path, pixels)
    else:
        _write_rasterio(path, pixels)


def _read_gdal(path):
    gdal.UseExceptions()
    dataset = gdal.Open(path)
    band = dataset.GetRasterBand(1)
    code = osr.SpatialReference(wkt=dataset.GetProjection()).GetAuthorityCode(None) if dataset.GetProjection() else 0
    header = [dataset.RasterCount, gdal.GetDataTypeSize(band.DataType), int(code or 0), band.GetNoDataValue() is not None]
    return band.ReadAsArray(), header + list(dataset.GetGeoTransform())


def _write_gdal(path, pixels):
    gdal.UseExceptions()
    rows, cols = pixels.shape
    dataset = gdal.GetDriverByName("GTiff").Create(path, cols, rows, 1, gdal.GDT_Float32)
    dataset.GetRasterBand(1).WriteArray(pixels)
    dataset.FlushCache()  # GDAL writes when the dataset is dropped, which ends with this function


def _read_rasterio(path):
    with _bareness_meant(), rasterio.open(path) as file:
        pixels = file.read(1)
        code = file.crs.to_epsg() if file.crs else 0
        header = [file.count, 8 * pixels.dtype.itemsize, code or 0, file.nodata is not None]
        return pixels, header + list(file.transform.to_gdal())


def _write_rasterio(path, pixels):
    rows, cols = pixels.shape
    profile = {"driver": "GTiff", "count": 1, "height": rows, "width": cols, "dtype": "float32"}
    with _bareness_meant(), rasterio.open(path, "w", **profile) as file:
        file.write(pixels, 1)


@contextlib.contextmanager
def _bareness_meant():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        yield
