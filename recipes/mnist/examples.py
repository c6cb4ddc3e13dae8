"""Which test images become examples, and how one is written down for a later comparison."""

from collections.abc import Sequence

COUNT, FIRST, WITH_PICTURE = 32, 8, 16


def choose(labels: bytes) -> list[int]:
    """32 image numbers, each once: the first eight, then the first of every digit still missing, then on."""
    chosen = list(range(FIRST))
    missing = set(range(10)) - {labels[number] for number in chosen}
    chosen += sorted(labels.index(digit) for digit in missing)
    rest = (number for number in range(FIRST, len(labels)) if number not in chosen)
    return chosen + [next(rest) for _ in range(COUNT - len(chosen))]


def example(image: Sequence[float], logits: Sequence[float], label: int) -> dict[str, object]:
    """One request of the Open Inference Protocol (784 numbers) with the recorded answer (10)."""
    shape = [1, 1, 28, 28]
    answer = max(range(10), key=lambda digit: logits[digit])
    return {
        "inputs": [{"name": "image", "shape": shape, "datatype": "FP32", "data": list(image)}],
        "outputs": [{"name": "logits", "shape": [1, 10], "datatype": "FP32", "data": list(logits)}],
        "label": str(label),
        "answer": str(answer),
    }


def picture(pixels: bytes) -> dict[str, object]:
    """784 bytes as a picture for the report: 0 is black, 255 white, so digits are white on black."""
    return {"width": 28, "height": 28, "gray": list(pixels)}
