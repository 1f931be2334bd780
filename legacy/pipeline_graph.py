"""The graph of a pipeline's trace: for each stage its operation, inputs and attributes, in the order computed."""
from legacy.graph import backward, forward, inputs, node, recorded_step
from legacy.metrics import PEAK
from legacy.patches import shares
from legacy.pipeline import shrink
from legacy.pipeline_request import RASTERS, STACK
from legacy.training import parameters

MASKS = ["raster/%s_MASK" % date for date in ("001", "002", "003")]


def describe_pipeline(request, stages):
    """Return the list of nodes of ``stages``, the trace of ``request``."""
    names = parameters(request)
    return (
        [node("raster/" + name, "decode", file=request.names[name], dtype=stages["raster/" + name].dtype.name)
         for name in RASTERS]
        + _patches(request)
        + _weights(request, stages)
        + _cuts(request)
        + inputs(request)
        + forward(request)
        + [node("loss", "mean_absolute_error", "output", "target/normalised")]
        + backward(request)
        + [one for step in request.training["recorded"] for one in recorded_step(step, names)]
        + [node("trained/" + name, "trajectory", step=len(stages["split/order"]), of="weight/" + name) for name in names]
        + [node("loss/" + name, "trajectory", of=of)
           for name, of in (("curve", "loss"), ("epochs", "epochs"), ("validation", "validation"))
           if "loss/" + name in stages]
        + _prediction(request)
        + _metrics(request)
        + [node("geotiff/pixels", "to_image", "predict/output", dtype="float32"),
           node("geotiff/header", "header", bands=1, bits=32, epsg=0, nodata=0, transform=[0, 1, 0, 0, 0, 1])]
    )


def _patches(request):
    settings, training = request.patches, request.training
    trains, validates = shares(settings["limit"])
    places = dict((key, settings[key]) for key in ("side", "stride", "origin"))
    excluded = [node(mask.replace("raster", "mask")[:-5], "exclude", mask, region=request.region) for mask in MASKS]
    return excluded + [
        node("patches/index", "clear_patches", *[one["stage"] for one in excluded], **places),
        node("split/permutation", "given"),
        node("split/shuffled", "shuffle", "patches/index", "split/permutation"),
        node("split/training", "rows", "split/shuffled", start=0, stop=trains),
        node("split/validation", "rows", "split/shuffled", start=trains, stop=trains + validates),
        node("split/order", "batch_order", "split/training", batch_size=training["batch_size"], epochs=training["epochs"]),
    ]


def _weights(request, stages):
    """Return the nodes of the weights, given or drawn, and of the border that they make."""
    nodes, skip = [], 0
    for name in request.weights:
        shape = list(stages[name].shape)
        if request.initialisation is None:
            nodes.append(node(name, "given"))
        elif name.endswith("/W"):
            nodes.append(node(name, "normal", skip=skip, shape=shape, **request.initialisation))
            skip += stages[name].size
        else:
            nodes.append(node(name, "constant", value=0.0, shape=shape))
    return nodes + [node("border", "border", *[name for name in request.weights if name.endswith("/W")])]


def _cuts(request):
    stack, side, dtype = ["raster/" + name for name in STACK], request.patches["side"], request.dtype.name
    nodes = []
    for corners, raw, target in (
        ("split/training", "patches/raw", "targets/raw"), ("split/validation", "validation/raw", "validation/targets")
    ):
        nodes.append(node(raw, "cut", *(stack + [corners]), side=side, margin=0, dtype=dtype))
        nodes.append(node(target, "cut", "raster/002_NDVI", corners, side=side, margin=request.border, dtype=dtype))
    return nodes


def _prediction(request):
    stack, dtype = ["raster/" + name for name in STACK], request.dtype.name
    return [
        node("predict/raw", "crop", *stack, region=request.region, dtype=dtype),
        node("predict/normalised", "divide", "predict/raw", divisor=request.manifest["divisor"]),
        node("predict/selected", "select", "predict/normalised", axis=1, indices=request.test_channels),
    ] + forward(request, "predict/", "predict/selected", "trained/")


def _metrics(request):
    region, scored = shrink(request.region, request.border), ("metrics/estimate", "metrics/truth")
    return [
        node("metrics/target/raw", "crop", "raster/002_NDVI", region=region, dtype=request.dtype.name),
        node("metrics/target/normalised", "divide", "metrics/target/raw", divisor=request.manifest["divisor"]),
        node("metrics/valid", "valid", *MASKS, region=region),
        node("metrics/estimate", "masked", "predict/output", "metrics/valid"),
        node("metrics/truth", "masked", "metrics/target/normalised", "metrics/valid"),
        node("metrics/mae", "mean_absolute_error", *scored, dtype="float64"),
        node("metrics/rmse", "root_mean_square_error", *scored, dtype="float64"),
        node("metrics/cc", "correlation", *scored, dtype="float64"),
        node("metrics/psnr", "peak_signal_to_noise_ratio", *scored, peak=PEAK, dtype="float64"),
    ]
