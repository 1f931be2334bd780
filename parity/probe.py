"""A probe of how a port lays weights down: a request of the same weights, and a teacher with lit inputs.

The judge writes the request of one step with one batch, large enough, and as teacher what the reference makes of it,
but with single lit inputs before every layer.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from parity import reference
from parity.errors import ParityError
from parity.graph import Graph, Node
from parity.judgement import Files
from parity.orientation import LAYERS, images_needed, lit
from parity.trace import Record, read_request, write_request, write_trace

WRITTEN = ("format", "order", "content_sha256")
"""What the writer tells in a manifest."""


def layers(graph: Graph) -> list[Node]:
    """The layers whose weights are given, each the first that uses its W."""
    given = {node.stage for node in graph if node.operation == "given"}
    first: dict[str, Node] = {}
    for node in graph:
        if node.operation in LAYERS and given.issuperset(node.inputs[1:]):
            first.setdefault(node.inputs[1], node)
    return list(first.values())


def write_probe(legacy: Record, probe: Files) -> None:
    """Write the request and the teacher's trace.

    Raises:
        ParityError: the trace has no layer of given weights, or its images are not given in lists.
    """
    found = layers(legacy.graph)
    if not found:
        raise ParityError(f"{legacy.path}: no layer has given weights; certify the trace of a request that gives them")
    images = max(images_needed(node, legacy[node.inputs[0]].shape, legacy[node.inputs[1]]) for node in found)
    graph, training = _one_batch(legacy, images)
    manifest, given = legacy.manifest, _given(legacy, images)
    asked = {name: value for name, value in manifest["request"].items() if name not in WRITTEN}
    asked["training"] = {**asked["training"], "steps": 1, "recorded": [1], "batch_size": images}
    entries = {name: v.astype(np.float64) if v.dtype.kind == "f" else v for name, v in given.items()}
    write_request(probe.request, asked, entries)
    request = read_request(probe.request)
    values = _computed(graph, legacy, given)
    for node in found:
        name = node.inputs[0]
        values[name] = lit(node, values[name].shape, legacy[node.inputs[1]]).astype(values[name].dtype)
    told = {name: value for name, value in manifest.items() if name not in (*WRITTEN, "process")}
    told |= {"request": dict(request.manifest), "request_sha256": request.sha256, "training": training}
    write_trace(probe.legacy, told | {"graph": [node.as_json() for node in graph]}, values)


def _lists(legacy: Record) -> set[str]:
    """The given lists from which batches are taken."""
    lists = {name for node in legacy.graph if node.operation == "rows" for name in node.inputs}
    given = {node.stage for node in legacy.graph if node.operation == "given"}
    if not lists or not lists <= given:
        raise ParityError(
            f"{legacy.path}: its images are not rows of given lists; certify a trace of given weights and patches"
        )
    return lists


def _given(legacy: Record, images: int) -> dict[str, np.ndarray]:
    """The given entries, each list repeated or cut to so many images."""
    lists = _lists(legacy)
    given = {node.stage: legacy[node.stage] for node in legacy.graph if node.operation == "given"}
    return {n: v[np.arange(images) % len(v)] if n in lists else v for n, v in given.items()}


def _one_batch(legacy: Record, images: int) -> tuple[Graph, dict[str, Any]]:
    """The graph and the training of one step with one batch of so many images."""
    training = {**legacy.manifest["training"], "steps": 1, "recorded": [1], "batch_size": images, "batches": 1}
    first = min(legacy.manifest["training"]["recorded"])
    nodes = []
    for node in legacy.graph:
        if node.operation == "rows":
            node = replace(node, attributes={**node.attributes, "start": 0, "stop": images})
        elif node.operation == "trajectory" and "step" in node.attributes:
            if node.attributes["step"] != first:
                continue
            stage = f"step/0001/{node.attributes['of']}"
            node = replace(node, stage=stage, attributes={**node.attributes, "step": 1})
        nodes.append(node)
    return Graph(tuple(nodes)), training


def _computed(graph: Graph, legacy: Record, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the reference makes of each stage; zeros for those after training, which nothing is read from."""
    values: dict[str, np.ndarray] = {}
    for node in graph:
        if node.stage in given:
            values[node.stage] = given[node.stage]
        elif node.operation == "trajectory":
            of = str(node.attributes["of"]).partition("/")[2]
            shape = given[f"weight/{of}"].shape if of else () if "step" in node.attributes else (1,)
            values[node.stage] = np.zeros(shape, legacy.dtype)
        else:
            values[node.stage] = reference.compute(node, values, legacy.dtype).astype(legacy[node.stage].dtype)
    return values
