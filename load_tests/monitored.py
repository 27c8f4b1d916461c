"""The primary model served as `service.py` does, each answer written down by `bentoml.monitor`."""

from collections.abc import Sequence
from typing import Any

import bentoml

from load_tests.roles import PRIMARY
from serving import BATCHED, ModelService, ServedModels, load_settings

SETTINGS = load_settings()
MODELS = ServedModels.select(PRIMARY)


def _over_http_alone(service: Any) -> Any:
    """Takes away the gRPC services, whose other methods are not here."""
    service.protos = ()
    return service


@bentoml.service(
    name="monitored",
    service_class=ModelService,
    workers=SETTINGS.workers,
    threads=3,
    traffic={"timeout": SETTINGS.timeout_seconds},
    logging={"access": {"enabled": SETTINGS.access_log}},
    envs=MODELS.environment,
)
@_over_http_alone
@MODELS.attach
class Monitored:
    """Predictions, monitored as BentoML's documentation shows it."""

    def __init__(self) -> None:
        self.models = MODELS.load()

    @bentoml.api(route=f"/{PRIMARY.name}/predict", input_spec=PRIMARY.request, **BATCHED)
    def predict(self, rows: list[PRIMARY.record]) -> list[PRIMARY.answer]:  # type: ignore[name-defined]
        """Answers, and logs every field of every row."""
        answers: Sequence[Any] = self.models[PRIMARY.name].predict(rows)
        for row, answer in zip(rows, answers, strict=True):
            with bentoml.monitor(PRIMARY.name) as monitor:
                for field in PRIMARY.encoder.fields:
                    kind = "categorical" if field.categories else "numerical"
                    monitor.log(getattr(row, field.name), field.name, "feature", kind)
                for name, value in vars(answer).items():
                    monitor.log(value, name, "prediction", "numerical")
        return answers  # type: ignore[return-value]
