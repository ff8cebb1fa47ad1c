"""Changes of ONNX models that leave them readable messages."""

import random

NUMBERS = (-(2**31), -2, -1, 0, 1, 2, 3, 7, 1000, 2**31 - 1, 2**40)


def change_model(data: bytes, rng: random.Random) -> bytes:
    """Change a few fields of a model; return what is no model as it is."""
    import onnx

    try:
        model = onnx.ModelProto.FromString(data)
        for _ in range(rng.choice((1, 1, 2, 5))):
            _change(model.graph, rng)
        if rng.random() < 0.1 and model.opset_import:
            model.opset_import[0].version = rng.choice((0, 1, 7, 9, 11, 13, 18, 24, 1000))
        return model.SerializeToString()
    except (
        Exception
    ):  # they have no common base; a name that is not UTF-8 is seen only when it is moved
        return data


def _change(graph, rng):
    """Change one field of a graph."""
    arrays, nodes, values = graph.initializer, graph.node, [*graph.input, *graph.output]
    what = rng.randrange(8)
    if what < 2 and arrays:
        _change_array(rng.choice(arrays), rng)
    elif what < 6 and nodes:
        _change_node(graph, rng.choice(nodes), rng)
    elif values:
        value = rng.choice(values)
        sizes = value.type.tensor_type.shape.dim
        if sizes and rng.random() < 0.7:
            rng.choice(sizes).dim_value = rng.choice(NUMBERS)
        else:
            value.type.tensor_type.elem_type = rng.randrange(20)


def _change_array(array, rng):
    what = rng.randrange(4)
    if what == 0 and array.dims:
        array.dims[rng.randrange(len(array.dims))] = rng.choice(NUMBERS)
    elif what == 1:
        array.data_type = rng.randrange(20)
    elif what == 2:
        array.raw_data = array.raw_data[: rng.randrange(1 + len(array.raw_data))]
    else:
        array.raw_data = rng.randbytes(len(array.raw_data))


def _change_node(graph, node, rng):
    what = rng.randrange(6)
    names = [name for n in graph.node for name in (*n.input, *n.output)] or [""]
    if what == 0 and node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice((*names, ""))
    elif what == 1:
        node.op_type = rng.choice([n.op_type for n in graph.node] + ["If", "Loop", "Conv", "Slice"])
    elif what == 2:
        graph.node.remove(node)
    elif what == 3:
        graph.node.add().CopyFrom(node)
    elif what == 4 and node.input:
        del node.input[rng.randrange(len(node.input)) :]
    elif node.attribute:
        attribute = rng.choice(node.attribute)
        attribute.i = rng.choice(NUMBERS)
        if attribute.ints:
            attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(NUMBERS)
        if attribute.s:
            attribute.s = rng.choice((b"", b"reverse", b"bidirectional", b"\xff"))
