"""The Bento service of the proof models, made as `service.py` makes that of the served ones."""

import bentoml

from serving import BATCHED, ModelService, ServedModels, load_settings, resources_app
from tests.models import breast_cancer, diabetes, linnerud, wine
from tests.models.breast_cancer import Diagnosis, Nuclei
from tests.models.diabetes import Patient, Progression
from tests.models.linnerud import Exercise, Physique
from tests.models.wine import Analysis, Cultivar

SETTINGS = load_settings()
MODELS = ServedModels.select(breast_cancer.MODEL, diabetes.MODEL, linnerud.MODEL, wine.MODEL)


@bentoml.service(
    name="proof_server",
    service_class=ModelService,
    workers=SETTINGS.workers,
    threads=4,
    traffic={"timeout": SETTINGS.timeout_seconds},
    envs=MODELS.environment,
)
@bentoml.asgi_app(resources_app(), path="/")
@MODELS.attach
class ProofServer:
    """Predictions of one model for each task."""

    def __init__(self) -> None:
        self.models = MODELS.load()

    @bentoml.on_deployment
    @staticmethod
    def preflight() -> None:
        """Ends the start with one sentence where a model must not be served: no worker is made."""
        MODELS.load()

    @bentoml.api(route="/breast_cancer/predict", input_spec=breast_cancer.MODEL.request, **BATCHED)
    def predict_breast_cancer(self, images: list[Nuclei]) -> list[Diagnosis]:
        """Probability of a malignant tumour, one answer per image, in order."""
        return self.models["breast_cancer"].predict(images)

    @bentoml.api(route="/diabetes/predict", input_spec=diabetes.MODEL.request, **BATCHED)
    def predict_diabetes(self, patients: list[Patient]) -> list[Progression]:
        """Progression of the disease, one answer per patient, in order."""
        return self.models["diabetes"].predict(patients)

    @bentoml.api(route="/linnerud/predict", input_spec=linnerud.MODEL.request, **BATCHED)
    def predict_linnerud(self, men: list[Exercise]) -> list[Physique]:
        """Weight, waist and pulse, one answer per man, in order."""
        return self.models["linnerud"].predict(men)

    @bentoml.api(route="/wine/predict", input_spec=wine.MODEL.request, **BATCHED)
    def predict_wine(self, wines: list[Analysis]) -> list[Cultivar]:
        """Cultivar of each wine with the probability of every cultivar, in order."""
        return self.models["wine"].predict(wines)
