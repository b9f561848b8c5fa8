"""An ONNX file in the form that tools/deployment/export_onnx.py writes, with a trivial model."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

POINTS = np.array([[32.0, 16], [8, 40], [56, 40]], np.float32)  # crop pixels


def write_model(path, **facts):
    """Landmarks at `POINTS` of a crop of 64 x 48; scores are the crop's mean over 255."""
    constants = dict(
        points=POINTS[None],
        white=np.float32(255),
        shape=np.array([-1, 1]),
        three=np.ones((1, 3), np.float32),
        axes=np.array([1, 2, 3]),
    )
    nodes = [
        helper.make_node('Cast', ['crops'], ['pixels'], to=TensorProto.FLOAT),
        helper.make_node('ReduceMean', ['pixels', 'axes'], ['mean'], keepdims=0),
        helper.make_node('Div', ['mean', 'white'], ['share']),
        helper.make_node('Reshape', ['share', 'shape'], ['column']),
        helper.make_node('Mul', ['column', 'three'], ['scores']),
        helper.make_node('Unsqueeze', ['scores', 'last'], ['zeros']),
        helper.make_node('Mul', ['zeros', 'nothing'], ['none']),
        helper.make_node('Add', ['none', 'points'], ['landmarks']),
    ]
    constants.update(last=np.array([-1]), nothing=np.float32(0))
    graph = helper.make_graph(
        nodes,
        'plain',
        [helper.make_tensor_value_info('crops', TensorProto.UINT8, ['B', 3, 48, 64])],
        [
            helper.make_tensor_value_info('landmarks', TensorProto.FLOAT, ['B', 3, 2]),
            helper.make_tensor_value_info('scores', TensorProto.FLOAT, ['B', 3]),
        ],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=9)
    facts = dict(input_size='64 48', crop_span='64 48', padding='1.5', num_landmarks='3', **facts)
    helper.set_model_props(model, facts)
    onnx.save(model, path)
    return str(path)
