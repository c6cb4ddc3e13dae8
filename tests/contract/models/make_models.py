"""Makes the ONNX files of this folder; needs the `onnx` package (1.23), which nothing else here does.

python tests/contract/models/make_models.py
"""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

from pathlib import Path
from typing import Any

from onnx import TensorProto, checker, helper, save

HERE = Path(__file__).parent
OPSET = 17
IR_VERSION = 8
LOOPS_PER_ROW = 100_000
FLOAT, INT64, BOOL, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING


def node(operator: str, inputs: str, outputs: str, **attributes: object) -> Any:
    return helper.make_node(operator, inputs.split(), outputs.split(), **attributes)


def tensor(name: str, kind: int, shape: list[str | int]) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def constant(name: str, kind: int, values: list[Any], shape: tuple[int, ...] = ()) -> Any:
    return helper.make_tensor(name, kind, shape, values)


def write(
    name: str, nodes: list[Any], ends: tuple[list[Any], list[Any]], constants: list[Any], opset: int = OPSET
) -> None:
    graph = helper.make_graph(nodes, name, *ends, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=IR_VERSION)
    if opset == OPSET:
        checker.check_model(model, full_check=True)
    save(model, HERE / f"{name}.onnx")


def digits(name: str, opset: int = OPSET) -> None:
    """Score k is the softmax over the sums of the pixels k, k + 3, k + 6, … of a 4x4 image."""
    weights = [float(pixel % 3 == k) for pixel in range(16) for k in range(3)]
    write(
        name,
        [node("Flatten", "image", "flat"), node("MatMul", "flat weights", "sums"), node("Softmax", "sums", "scores")],
        ([tensor("image", FLOAT, ["N", 1, 4, 4])], [tensor("scores", FLOAT, ["N", 3])]),
        [constant("weights", FLOAT, weights, (16, 3))],
        opset,
    )


def pair() -> None:
    """Two inputs and two outputs: total = sum of amounts + count; log = log of amounts."""
    write(
        "pair",
        [
            node("ReduceSum", "amount axis", "sum", keepdims=0),
            node("Cast", "count", "number", to=FLOAT),
            node("Add", "sum number", "total"),
            node("Log", "amount", "log"),
        ],
        (
            [tensor("amount", FLOAT, ["N", 2]), tensor("count", INT64, ["N"])],
            [tensor("total", FLOAT, ["N"]), tensor("log", FLOAT, ["N", 2])],
        ),
        [constant("axis", INT64, [1], (1,))],
    )


def words() -> None:
    """Text and booleans, given back."""
    write(
        "words",
        [node("Identity", "word", "same"), node("Not", "flag", "other")],
        (
            [tensor("word", STRING, ["N"]), tensor("flag", BOOL, ["N"])],
            [tensor("same", STRING, ["N"]), tensor("other", BOOL, ["N"])],
        ),
        [],
    )


def slow() -> None:
    """Counts to LOOPS_PER_ROW for each row: about 0.1 s a row."""
    body = helper.make_graph(
        [node("Identity", "going", "still"), node("Add", "sum_in one", "sum_out")],
        "body",
        [tensor("number", INT64, []), tensor("going", BOOL, []), tensor("sum_in", FLOAT, [])],
        [tensor("still", BOOL, []), tensor("sum_out", FLOAT, [])],
    )
    write(
        "slow",
        [
            node("Size", "rows", "count"),
            node("Mul", "count per_row", "trips"),
            node("Loop", "trips true zero", "counted", body=body),
        ],
        ([tensor("rows", FLOAT, ["N"])], [tensor("counted", FLOAT, [])]),
        [
            constant("per_row", INT64, [LOOPS_PER_ROW]),
            constant("true", BOOL, [True]),
            constant("zero", FLOAT, [0.0]),
            constant("one", FLOAT, [1.0]),
        ],
    )


if __name__ == "__main__":
    digits("digits")
    digits("future", opset=99)
    pair()
    words()
    slow()
