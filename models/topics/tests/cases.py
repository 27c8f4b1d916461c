"""Requests every surface must answer alike, and requests every surface must refuse alike."""

from typing import Any

from tests.contract.cases import Refused

TEXTS: list[dict[str, Any]] = [
    {"text": "YOLO and RCNN compared for object detection in real world videos"},
    {"text": "Graph neural networks for node classification"},
    {"text": "Fine-tuning transformers for question answering"},
    {"text": "日本語 и русский, ¡también! 🤖"},
    {"text": "x"},
]

REFUSED = [
    Refused("no texts", "predict_topics", [], ("texts",)),
    Refused("empty text", "predict_topics", [{"text": ""}], ("texts", 0, "text")),
    Refused("blank text", "predict_topics", [{"text": " \n"}], ("texts", 0, "text")),
    Refused("text too long", "predict_topics", [{"text": "x" * 10_001}], ("texts", 0, "text")),
    Refused("text that is a number", "predict_topics", [{"text": 1}], ("texts", 0, "text")),
]
