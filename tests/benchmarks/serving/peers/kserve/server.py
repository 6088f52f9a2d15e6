"""A scikit-learn model behind KServe's model server, the way KServe's sklearnserver does it.

    python server.py --model_dir DIRECTORY --model_name NAME --http_port PORT

KServe does not publish its sklearnserver as a package; it is the same model server and the same two functions that turn
a request into an array and an array into a response, with the model in between.
"""

import argparse
from pathlib import Path

import joblib
from kserve import InferRequest, InferResponse, Model, ModelServer, logging, model_server
from kserve.utils.utils import get_predict_input, get_predict_response


class ScikitLearn(Model):
    """Gives the probabilities of a model that joblib stored."""

    def __init__(self, name: str, directory: Path) -> None:
        super().__init__(name)
        self._model = joblib.load(directory / "model.joblib")
        self.ready = True

    def predict(self, payload: InferRequest, headers: dict[str, str] | None = None) -> InferResponse:
        """Each row's probabilities, class by class."""
        return get_predict_response(payload, self._model.predict_proba(get_predict_input(payload)), self.name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(parents=[model_server.parser])
    parser.add_argument("--model_dir", type=Path, required=True)
    options = parser.parse_args()
    logging.configure_logging(options.log_config_file)
    ModelServer().start([ScikitLearn(options.model_name, options.model_dir)])
