"""Asks the server with BentoML's own client.

Usage: .venv/bin/python examples/with_bentoml_client.py [URL]. Needs bentoml.

The client reads the service's schema, so that every API is one of its methods.
"""

import sys

import bentoml

URL = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:3000"

with bentoml.SyncHTTPClient(URL) as client:
    texts = ["Object detection in videos", "Forecasting stock prices with an LSTM"]
    topics = client.predict_topics(texts=[{"text": text} for text in texts])
    for text, topic in zip(texts, topics, strict=True):
        print(f"{topic['topic']} ({topic['probability']:.2f}): {text}")
